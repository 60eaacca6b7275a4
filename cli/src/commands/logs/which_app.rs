//! Which app is meant where none is named: the only one, or the one that follows the repository of this folder.

use std::process::{Command, Stdio};

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use uuid::Uuid;

use crate::{
    api::Api,
    error::Error,
    model::{App, Source},
    screen::Screen,
    show::plain,
};

/// So many links are asked for at once.
const AT_ONCE: usize = 8;

/// The app that is meant.
pub(super) async fn find(api: &Api, screen: &Screen) -> Result<Uuid, Error> {
    let apps = api.apps().await?;
    let found = match &apps[..] {
        [] => {
            return Err(Error::NotFound("there is no app yet: paas apps create <name>".to_owned()));
        }
        [only] => only,
        apps => following(&repositories(), apps, api).await?,
    };
    screen.note(&format!("App {}", plain(&found.name)));
    Ok(found.id)
}

/// The one of several that follows one of the repositories.
async fn following<'a>(repos: &[String], apps: &'a [App], api: &Api) -> Result<&'a App, Error> {
    if repos.is_empty() {
        return Err(unclear("there are several, and no repository here leads to one", apps));
    }
    let sources = stream::iter(apps).map(|app| api.source(app.id)).buffered(AT_ONCE);
    let sources: Vec<Option<Source>> = sources.try_collect().await?;
    let follows = |(app, source): (&'a App, Option<Source>)| {
        let name = source?.repo_full_name;
        repos.iter().any(|repo| repo.eq_ignore_ascii_case(&name)).then_some(app)
    };
    let found: Vec<&App> = apps.iter().zip(sources).filter_map(follows).collect();
    match &found[..] {
        [one] => Ok(one),
        [] => Err(unclear("none follows the repository of this folder", apps)),
        [..] => Err(unclear("several follow the repository of this folder", found)),
    }
}

fn unclear<'a>(why: &str, apps: impl IntoIterator<Item = &'a App>) -> Error {
    let names: Vec<_> = apps.into_iter().map(|app| plain(&app.name)).collect();
    Error::Usage(format!("which app? {why}: {}", names.join(", ")))
}

/// The repositories that this folder's remotes lead to, as far as `git` is there and knows.
fn repositories() -> Vec<String> {
    let mut git = Command::new("git");
    git.args(["config", "--get-regexp", r"^remote\..*\.url$"]);
    let said = git.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    let said = said.unwrap_or_default();
    said.lines().filter_map(|line| repository(line.split_once(' ')?.1)).collect()
}

/// `owner/name` of a remote's address: `https://host/owner/name.git`, `ssh://git@host:22/owner/name` or
/// `git@host:owner/name`.
fn repository(url: &str) -> Option<String> {
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.split_once('/')?.1,
        None => url.split_once(':')?.1,
    };
    let path = path.trim_matches('/');
    let name = path.strip_suffix(".git").unwrap_or(path);
    name.contains('/').then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_leads_to_its_repository() {
        for (url, repo) in [
            ("https://github.com/acme/shop.git", Some("acme/shop")),
            ("https://user@gitlab.com/group/sub/shop/", Some("group/sub/shop")),
            ("ssh://git@git.example.com:2222/acme/shop.git", Some("acme/shop")),
            ("git@github.com:acme/shop.git", Some("acme/shop")),
            ("git@github.com:/acme/shop", Some("acme/shop")),
            ("/srv/git/shop.git", None),
            ("../shop", None),
            ("https://github.com", None),
        ] {
            assert_eq!(repository(url).as_deref(), repo, "{url}");
        }
    }
}

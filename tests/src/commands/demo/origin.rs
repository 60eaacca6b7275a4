//! Where the demo's pushes come from: a provider whose webhook registered itself, or, on a platform that knows none, a
//! webhook that was entered by hand.

use std::path::Path;

use anyhow::{Context as _, Result};
use e2e::{
    api::{Api, App},
    forge::Forge,
    hook::{Sent, Target},
    keys,
    repository::Repository,
};
use serde_json::json;

use super::{paas::Paas, screen};

/// How the provider calls the repository.
pub(super) const REPO: &str = "octo/hello";
const PROVIDER: &str = "github";

/// One of the two.
pub(super) enum Origin {
    /// The stand-in of the providers, and the program that linked the app to it.
    Provider(Forge, Paas),
    /// A webhook and its secret.
    ByHand(Target),
}

impl Origin {
    /// Connects the provider, creates the app and links it, all with the program; the repository's hook tells the provider.
    pub(super) async fn connect(
        forge: Forge,
        paas: Paas,
        api: &Api,
        name: &str,
        folder: &Path,
        clone_url: Option<&str>,
    ) -> Result<(Self, App, Repository)> {
        let exe = std::env::current_exe()?;
        let tell = format!("--forge {} --provider {PROVIDER} --repo {REPO}", quoted(forge.url()));
        let repository =
            repository(folder, &format!("{} deliver {tell}", quoted_path(&exe))).await?;
        let clone_from = clone_url.map(|url| json!({ "clone_url": url })).unwrap_or_default();
        forge.create_repo_with(PROVIDER, REPO, clone_from).await?;

        screen::chapter("paas git connect github");
        paas.consent(&forge, PROVIDER).await?;
        screen::chapter(&format!("paas apps create {name}"));
        paas.show(&["apps", "create", name]).await?;
        screen::chapter(&format!("paas git link {name} github {REPO}"));
        let from = clone_url.map(|url| ["--clone-url", url]);
        let link =
            ["git", "link", name, PROVIDER, REPO].into_iter().chain(from.into_iter().flatten());
        paas.show(&link.collect::<Vec<_>>()).await?;
        let hook =
            forge.hook(PROVIDER, REPO).await.context("the webhook did not register itself")?;
        screen::note(&format!("The webhook registered itself: hook {} at {PROVIDER}", hook.id));
        let app = api.find_app(name).await?;
        Ok((Self::Provider(forge, paas), app, repository))
    }

    /// Creates the app and links it by the API; the repository's hook does what the provider would.
    pub(super) async fn by_hand(
        api: &Api,
        name: &str,
        folder: &Path,
        clone_url: Option<&str>,
    ) -> Result<(Self, App, Repository)> {
        screen::chapter("An app, linked to a repository");
        let app = api.create_app(name).await?;
        let mut link = json!({ "provider": PROVIDER, "repo_full_name": REPO });
        if let Some(url) = clone_url {
            link["clone_url"] = url.into();
        }
        let source = api.link(app.id, link).await?;
        screen::note(&format!("app      {} {}", app.name, app.id));
        screen::note(&format!("webhook  {}, entered by hand", source.webhook_url));
        let target = Target {
            webhook_url: source.webhook_url,
            webhook_secret: source.webhook_secret.context("no secret for a new link")?,
            repo: REPO.to_owned(),
            repo_id: 186_853_002,
            record: folder.join("sent.jsonl"),
        };
        let path = folder.join("target.json");
        keys::write_private(&path, &serde_json::to_string_pretty(&target)?)?;
        let exe = std::env::current_exe()?;
        let deliver = format!("{} deliver --target {}", quoted_path(&exe), quoted_path(&path));
        Ok((Self::ByHand(target), app, repository(folder, &deliver).await?))
    }

    /// The last delivery, and its answer.
    pub(super) async fn last_sent(&self) -> Result<Sent> {
        match self {
            Self::Provider(forge, _) => forge.last_sent(PROVIDER, REPO).await,
            Self::ByHand(target) => target.last_sent(),
        }
    }
}

/// A repository with this command as its `post-receive` hook.
async fn repository(folder: &Path, command: &str) -> Result<Repository> {
    let repository = Repository::create(folder, &format!("#!/bin/sh\nexec {command}\n")).await?;
    screen::note(&format!("git      {}", repository.bare().display()));
    Ok(repository)
}

fn quoted_path(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// For a shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

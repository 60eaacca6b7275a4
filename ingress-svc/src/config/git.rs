//! Where the providers are, and who we are there. What is not configured cannot be connected; linking by hand always
//! works.

use anyhow::{Context as _, bail};
use git_providers::{Client, GithubApp, Kind, OauthApp, Settings};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::given;

/// Settings of the providers.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct GitConfig {
    /// Base URL of GitHub, as people see it.
    #[arg(long, env, default_value = "https://github.com")]
    pub github_url: String,
    /// Base URL of GitHub's API. Default: <https://api.github.com>, or `{GITHUB_URL}/api/v3` of another server.
    #[arg(long, env)]
    pub github_api_url: Option<String>,
    /// Client id of the OAuth application (or GitHub App) that tenants consent to.
    #[arg(long, env)]
    pub github_client_id: Option<String>,
    /// Its secret.
    #[arg(long, env, hide_env_values = true)]
    pub github_client_secret: Option<SecretString>,
    /// Id of a GitHub App whose installations tenants may connect.
    #[arg(long, env)]
    pub github_app_id: Option<String>,
    /// Its private key, PEM; line ends may be written as `\n`.
    #[arg(long, env, hide_env_values = true)]
    pub github_app_private_key: Option<SecretString>,
    /// Base URL of GitLab; its API is at `/api/v4`.
    #[arg(long, env, default_value = "https://gitlab.com")]
    pub gitlab_url: String,
    /// Client id of the OAuth application that tenants consent to.
    #[arg(long, env)]
    pub gitlab_client_id: Option<String>,
    /// Its secret.
    #[arg(long, env, hide_env_values = true)]
    pub gitlab_client_secret: Option<SecretString>,
    /// Base URL of Forgejo or Gitea; its API is at `/api/v1`. Unset: there is none.
    #[arg(long, env)]
    pub forgejo_url: Option<String>,
    /// Client id of the OAuth application that tenants consent to.
    #[arg(long, env)]
    pub forgejo_client_id: Option<String>,
    /// Its secret.
    #[arg(long, env, hide_env_values = true)]
    pub forgejo_client_secret: Option<SecretString>,
    /// How long the webhook secret before the current one stays valid, once the provider knows the current one.
    #[arg(long, env, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=8760))]
    pub webhook_secret_overlap_hours: u32,
}

impl GitConfig {
    /// A client for each provider that is configured; `allow_loopback` allows plain HTTP to this machine.
    pub(crate) fn clients(&self, allow_loopback: bool) -> anyhow::Result<Vec<Client>> {
        let forgejo = text(self.forgejo_url.as_ref());
        let all = [Some(self.github()?), Some(self.gitlab()?), self.forgejo(forgejo)?];
        let client = |settings: Settings| {
            let name = settings.kind.name();
            let settings = Settings { allow_loopback, ..settings };
            Client::new(settings).with_context(|| format!("the settings of {name}"))
        };
        all.into_iter().flatten().map(client).collect()
    }

    fn github(&self) -> anyhow::Result<Settings> {
        let web_url = url("GITHUB_URL", &self.github_url)?;
        let api_url = match text(self.github_api_url.as_ref()) {
            Some(given) => url("GITHUB_API_URL", given)?,
            None if web_url.host_str() == Some("github.com") => {
                url("GITHUB_API_URL", "https://api.github.com")?
            }
            None => below(&web_url, "api/v3")?,
        };
        let app = match (
            text(self.github_app_id.as_ref()),
            given(self.github_app_private_key.as_ref()),
        ) {
            (Some(id), Some(key)) => Some(GithubApp {
                app_id: id.to_owned(),
                private_key: key.expose_secret().replace("\\n", "\n").into(),
            }),
            (None, None) => None,
            (_, _) => bail!("GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY go together"),
        };
        let oauth =
            oauth("GITHUB", self.github_client_id.as_ref(), self.github_client_secret.as_ref())?;
        Ok(Settings { kind: Kind::Github, web_url, api_url, oauth, app, allow_loopback: false })
    }

    fn gitlab(&self) -> anyhow::Result<Settings> {
        let web_url = url("GITLAB_URL", &self.gitlab_url)?;
        let oauth =
            oauth("GITLAB", self.gitlab_client_id.as_ref(), self.gitlab_client_secret.as_ref())?;
        let api_url = below(&web_url, "api/v4")?;
        Ok(Settings {
            kind: Kind::Gitlab,
            web_url,
            api_url,
            oauth,
            app: None,
            allow_loopback: false,
        })
    }

    fn forgejo(&self, base: Option<&str>) -> anyhow::Result<Option<Settings>> {
        let oauth =
            oauth("FORGEJO", self.forgejo_client_id.as_ref(), self.forgejo_client_secret.as_ref())?;
        let Some(base) = base else {
            if oauth.is_some() {
                bail!("FORGEJO_CLIENT_ID needs FORGEJO_URL");
            }
            return Ok(None);
        };
        let web_url = url("FORGEJO_URL", base)?;
        let api_url = below(&web_url, "api/v1")?;
        let kind = Kind::Forgejo;
        Ok(Some(Settings { kind, web_url, api_url, oauth, app: None, allow_loopback: false }))
    }
}

/// A text that is set; an empty one is not.
fn text(setting: Option<&String>) -> Option<&str> {
    setting.map(|text| text.trim()).filter(|text| !text.is_empty())
}

fn url(name: &'static str, text: &str) -> anyhow::Result<Url> {
    text.trim().parse().with_context(|| format!("{name} is not a URL"))
}

fn below(base: &Url, path: &str) -> anyhow::Result<Url> {
    Ok(format!("{}/{path}", base.as_str().trim_end_matches('/')).parse()?)
}

fn oauth(
    name: &str,
    id: Option<&String>,
    secret: Option<&SecretString>,
) -> anyhow::Result<Option<OauthApp>> {
    match (text(id), given(secret)) {
        (Some(id), Some(secret)) => {
            Ok(Some(OauthApp { client_id: id.to_owned(), client_secret: secret.clone() }))
        }
        (None, None) => Ok(None),
        (_, _) => bail!("{name}_CLIENT_ID and {name}_CLIENT_SECRET go together"),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        git: GitConfig,
    }

    fn clients(arguments: &[&str]) -> anyhow::Result<Vec<Client>> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        Program::parse_from([&["ingress-svc"], arguments].concat()).git.clients(false)
    }

    #[test]
    fn without_settings_there_are_the_public_providers_and_no_oauth() {
        let clients = clients(&[]).unwrap();
        let shown: Vec<_> =
            clients.iter().map(|client| (client.kind(), client.web_url().as_str())).collect();
        assert_eq!(
            shown,
            [(Kind::Github, "https://github.com/"), (Kind::Gitlab, "https://gitlab.com/")]
        );
        assert!(clients.iter().all(|client| !client.has_oauth() && !client.has_app()));
    }

    #[test]
    fn an_empty_setting_is_none() {
        let empty = ["--forgejo-url=", "--github-client-id=", "--github-client-secret="];
        assert_eq!(clients(&empty).unwrap().len(), 2);
    }

    #[test]
    fn what_belongs_together_is_set_together() {
        for lonely in [
            "--github-client-id=x",
            "--gitlab-client-secret=x",
            "--forgejo-client-id=x",
            "--github-app-id=1",
            "--github-app-private-key=x",
        ] {
            assert!(clients(&[lonely]).is_err(), "{lonely}");
        }
        assert!(clients(&["--forgejo-client-id=x", "--forgejo-client-secret=x"]).is_err());
    }

    #[test]
    fn providers_are_asked_over_tls_only() {
        for plain in ["--github-url=http://github.example", "--gitlab-url=http://127.0.0.1:1"] {
            assert!(clients(&[plain]).is_err(), "{plain}");
        }
    }

    #[test]
    fn a_secret_never_shows_itself() {
        let program = Program::parse_from([
            "ingress-svc",
            "--github-client-secret=recognisable",
            "--github-app-private-key=recognisable",
        ]);
        assert!(!format!("{:?}", program.git).contains("recognisable"));
    }
}

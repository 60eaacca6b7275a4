//! Where a provider is, and who we are there.

use secrecy::SecretString;
use url::Url;

/// Which kind of provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// github.com, or GitHub Enterprise.
    Github,
    /// gitlab.com, or self-managed.
    Gitlab,
    /// Forgejo or Gitea.
    Forgejo,
}

impl Kind {
    /// Its name in paths and in the database.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Forgejo => "forgejo",
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Github => "GitHub",
            Self::Gitlab => "GitLab",
            Self::Forgejo => "Forgejo",
        }
    }
}

/// A registered OAuth application.
#[derive(Debug, Clone)]
pub struct OauthApp {
    /// Its public name.
    pub client_id: String,
    /// Its password.
    pub client_secret: SecretString,
}

/// A registered GitHub App.
#[derive(Debug, Clone)]
pub struct GithubApp {
    /// App id or client id: the `iss` of its tokens.
    pub app_id: String,
    /// Its key, PEM (PKCS#1 as GitHub makes it, or PKCS#8).
    pub private_key: SecretString,
}

/// A provider as the administrator configured it.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What speaks there.
    pub kind: Kind,
    /// Base of what people see and of OAuth, for instance `https://github.com`.
    pub web_url: Url,
    /// Base of the API, for instance `https://api.github.com` or `https://gitlab.com/api/v4`.
    pub api_url: Url,
    /// For connecting by OAuth.
    pub oauth: Option<OauthApp>,
    /// For connecting by an installation; GitHub only.
    pub app: Option<GithubApp>,
    /// Allow plain HTTP to loopback addresses. For development only.
    pub allow_loopback: bool,
}

/// Settings that cannot work, or are not safe.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSettings {
    /// Neither HTTPS nor, in development, loopback.
    #[error("{0} must be an https:// URL without credentials, query and fragment")]
    Url(&'static str),
    /// The key of a GitHub App does not parse.
    #[error("the GitHub App's private key is no RSA key in PEM")]
    PrivateKey,
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made")]
    Http(#[source] reqwest::Error),
}

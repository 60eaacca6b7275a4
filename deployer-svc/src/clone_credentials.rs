//! With what a build clones: asked of the ingress, which alone can open a tenant's credentials, at the moment when a build
//! is started. The deployer keeps none.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use paas_proto::{
    callback::{CREDENTIAL_TOKEN_HEADER, CallbackKey},
    cluster::CloneCredential,
};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use uuid::Uuid;

/// No question may take longer: a line waits for it.
const DEADLINE: Duration = Duration::from_secs(8);
/// A user and a password are short.
const LONGEST_ANSWER: usize = 32 * 1024;

/// Where the ingress is.
#[derive(Debug, Clone, Default, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Base URL of ingress-svc as seen from the deployer; without it only public repositories can be built
    #[arg(long, env)]
    pub ingress_url: Option<String>,
}

/// Asks for clone credentials. A clone shares the connections.
#[derive(Debug, Clone)]
pub struct CloneCredentials {
    /// Nobody to ask: all repositories are public.
    ingress: Option<Ingress>,
}

#[derive(Debug, Clone)]
struct Ingress {
    client: reqwest::Client,
    url: String,
    key: CallbackKey,
}

/// Why it is not known whether there is a credential. All of it may pass.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The ingress cannot be reached.
    #[error("the ingress cannot be asked for the clone credential: {0}")]
    Unreachable(#[source] reqwest::Error),
    /// The key is not the one that the ingress has.
    #[error(
        "the ingress refuses to give the clone credential: CALLBACK_KEY is not the same on both"
    )]
    Unauthorized,
    /// Another answer than those agreed on.
    #[error("the ingress answered {0} when it was asked for the clone credential")]
    Unexpected(u16),
    /// A body that is no credential; it is not quoted.
    #[error("the ingress gave a clone credential that cannot be read")]
    Unreadable,
}

/// What the ingress answers.
#[derive(Deserialize)]
struct Answer {
    username: String,
    password: String,
}

impl CloneCredentials {
    /// For an ingress, if there is one to ask.
    pub fn new(settings: &Settings, callback_key: &SecretString) -> anyhow::Result<Self> {
        let url = settings.ingress_url.as_deref().filter(|url| !url.is_empty());
        let Some(url) = url else { return Ok(Self { ingress: None }) };
        let parsed = reqwest::Url::parse(url).context("INGRESS_URL is not a URL")?;
        let plain = parsed.username().is_empty() && parsed.password().is_none();
        ensure!(
            matches!(parsed.scheme(), "http" | "https") && plain && parsed.query().is_none(),
            "INGRESS_URL is not an http or https URL without user and query"
        );
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(DEADLINE)
            .build()?;
        let key = callback_key.expose_secret().parse().context("CALLBACK_KEY is refused")?;
        let url = url.trim_end_matches('/').to_owned();
        Ok(Self { ingress: Some(Ingress { client, url, key }) })
    }

    /// The credential for what a deploy builds; none for a public repository, and where git would use none.
    pub async fn of(
        &self,
        deploy: Uuid,
        clone_url: &str,
    ) -> Result<Option<CloneCredential>, Error> {
        let is_http = clone_url.starts_with("https://") || clone_url.starts_with("http://");
        match &self.ingress {
            Some(ingress) if is_http => ingress.ask(deploy).await,
            _ => Ok(None),
        }
    }
}

impl Ingress {
    async fn ask(&self, deploy: Uuid) -> Result<Option<CloneCredential>, Error> {
        let mut token = HeaderValue::try_from(self.key.credential_token(deploy))
            .map_err(|_| Error::Unauthorized)?;
        token.set_sensitive(true);
        let url = format!("{}/internal/v1/clone-credentials/{deploy}", self.url);
        let request = self.client.post(url).header(CREDENTIAL_TOKEN_HEADER, token);
        let answer = request.send().await.map_err(unreachable)?;
        match answer.status().as_u16() {
            200 => read(answer).await.map(Some),
            // None is needed, or the deploy's app is linked no more: the clone will tell.
            204 | 404 => Ok(None),
            401 => Err(Error::Unauthorized),
            status => Err(Error::Unexpected(status)),
        }
    }
}

async fn read(mut answer: reqwest::Response) -> Result<CloneCredential, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if body.len() + chunk.len() > LONGEST_ANSWER {
            return Err(Error::Unreadable);
        }
        body.extend_from_slice(&chunk);
    }
    let Answer { username, password } =
        serde_json::from_slice(&body).map_err(|_| Error::Unreadable)?;
    Ok(CloneCredential { username, password })
}

fn unreachable(error: reqwest::Error) -> Error {
    Error::Unreachable(error.without_url())
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    const URL: &str = "https://github.com/acme/web.git";

    fn credentials(url: Option<String>) -> anyhow::Result<CloneCredentials> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        CloneCredentials::new(&Settings { ingress_url: url }, &"07".repeat(32).into())
    }

    /// Asks an ingress that gives this answer; also what it heard.
    async fn ask(answer: &'static str) -> (Result<Option<CloneCredential>, Error>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let ingress = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = vec![0; 4096];
            let count = stream.read(&mut heard).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(heard[..count].to_vec()).unwrap()
        });
        let asked = credentials(Some(url)).unwrap().of(Uuid::from_u128(7), URL).await;
        (asked, ingress.await.unwrap())
    }

    #[tokio::test]
    async fn the_ingress_is_asked_with_a_token_for_this_deploy_only() {
        let (answer, heard) = ask(
            "HTTP/1.1 200 OK\r\ncontent-length: 38\r\n\r\n{\"username\":\"git\",\"password\":\"secret\"}",
        )
        .await;
        let expected = CloneCredential { username: "git".into(), password: "secret".into() };
        assert_eq!(answer.unwrap(), Some(expected));
        let key: CallbackKey = "07".repeat(32).parse().unwrap();
        let path = format!("POST /internal/v1/clone-credentials/{} HTTP/1.1", Uuid::from_u128(7));
        assert!(heard.starts_with(&path), "{heard}");
        let header =
            format!("{CREDENTIAL_TOKEN_HEADER}: {}", key.credential_token(Uuid::from_u128(7)));
        assert!(heard.contains(&header), "{heard}");
    }

    #[tokio::test]
    async fn a_public_repository_needs_none() {
        for answer in [
            "HTTP/1.1 204 No Content\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
        ] {
            assert_eq!(ask(answer).await.0.unwrap(), None, "{answer}");
        }
    }

    #[tokio::test]
    async fn what_is_no_answer_is_asked_again_and_quotes_nothing() {
        for answer in [
            "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 307 Temporary Redirect\r\nlocation: http://127.0.0.1:1/canary\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\ncanary",
            "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\ncanary",
            "",
        ] {
            let error = ask(answer).await.0.unwrap_err();
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
    }

    #[tokio::test]
    async fn nobody_is_asked_without_an_ingress_or_where_git_takes_no_password() {
        assert_eq!(credentials(None).unwrap().of(Uuid::nil(), URL).await.unwrap(), None);
        let nowhere = credentials(Some("http://127.0.0.1:1".to_owned())).unwrap();
        for url in ["ssh://git@github.com/acme/web.git", "file:///srv/web.git"] {
            assert_eq!(nowhere.of(Uuid::nil(), url).await.unwrap(), None);
        }
        assert!(nowhere.of(Uuid::nil(), URL).await.is_err());
    }

    #[test]
    fn a_url_that_cannot_work_is_refused_at_the_start() {
        for url in ["ingress", "ftp://ingress", "http://user:hidden@ingress", "http://ingress?a=b"]
        {
            let error = credentials(Some(url.to_owned())).unwrap_err();
            assert!(format!("{error:#}").starts_with("INGRESS_URL"), "{error:#}");
        }
    }
}

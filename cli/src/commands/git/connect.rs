//! `paas git connect`: consent in a browser, or a personal access token or an installation instead of it.

mod browser;

use std::{path::PathBuf, time::Duration};

use secrecy::ExposeSecret as _;
use tokio::time::{Instant, sleep};

use crate::{
    api::Api,
    error::Error,
    exit::Exit,
    model::{Authorization, Connection, Connections, Credential, Provider, Secret},
    screen::{self, Screen},
    settings, show,
};

/// Consent is good for no longer than that.
const CONSENT_WITHIN: Duration = Duration::from_mins(5);
const ASK_EVERY: Duration = Duration::from_secs(1);

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where the code is.
    #[arg(value_enum)]
    provider: Provider,
    /// File with a personal access token instead, readable by its owner only; `-` is standard input.
    #[arg(long, value_name = "FILE")]
    pat_file: Option<PathBuf>,
    /// An installation of the platform's GitHub App instead, by the number in its address.
    #[arg(long, value_name = "NUMBER", conflicts_with = "pat_file")]
    installation: Option<u64>,
    /// Only print the address at which to consent.
    #[arg(long)]
    no_browser: bool,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let connected = match self.credential()? {
            Some(credential) => {
                let path = format!("/v1/auth/{}/credential", self.provider.name());
                api.put(&path, &credential).await?
            }
            None => self.consent(api, screen).await?,
        };
        screen.answer(&connected, || show::connections::connected(&connected))?;
        Ok(Exit::Done)
    }

    /// What stands in for consent in a browser.
    fn credential(&self) -> Result<Option<Credential>, Error> {
        if let Some(installation) = self.installation {
            return Ok(Some(Credential::InstallationId(installation)));
        }
        let Some(path) = &self.pat_file else { return Ok(None) };
        let token = if path.as_os_str() == "-" {
            Screen::secret("Personal access token:")?
        } else {
            settings::secret_in(path)?
        };
        match token.expose_secret().trim() {
            "" => Err(Error::Usage("the personal access token is empty".to_owned())),
            token => Ok(Some(Credential::Token(Secret::from(token.to_owned())))),
        }
    }

    async fn consent(&self, api: &Api, screen: &Screen) -> Result<Connection, Error> {
        let name = self.provider.name();
        let before = standing(api, name).await?;
        if !before.oauth {
            let why = "cannot be connected in a browser: the platform's admin has not set that up";
            return Err(Error::NotSetUp(format!("{name} {why}")));
        }
        let path = format!("/v1/auth/{name}/connect");
        let Authorization { authorize_url } = api.get(&path, &[]).await?;
        screen.note("Consent here, in a browser:");
        screen::beside(&authorize_url);
        if !self.no_browser && screen.is_seen() && browser::open(&authorize_url) {
            screen.note("(It should have opened by itself.)");
        }
        let progress = screen.progress(None);
        progress.say(format!("waiting for your consent at {name}"));
        let deadline = Instant::now() + CONSENT_WITHIN;
        loop {
            let now = standing(api, name).await?;
            if now.connected && (!before.connected || now.connected_at != before.connected_at) {
                return Ok(now);
            }
            if Instant::now() > deadline {
                let why = "nobody consented in time; `paas git connect` begins anew";
                return Err(Error::Refused(why.to_owned()));
            }
            sleep(ASK_EVERY).await;
        }
    }
}

/// How we stand with the provider.
async fn standing(api: &Api, name: &str) -> Result<Connection, Error> {
    let all: Connections = api.get("/v1/auth", &[]).await?;
    let found = all.providers.into_iter().find(|connection| connection.provider == name);
    found.ok_or_else(|| Error::NotSetUp(format!("the platform knows no provider {name}")))
}

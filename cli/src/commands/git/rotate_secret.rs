//! `paas git rotate-secret`: a new webhook secret, without a delivery being refused.

use std::path::PathBuf;

use jiff::tz::TimeZone;
use secrecy::ExposeSecret as _;

use crate::{
    api::Api,
    args::AppRef,
    error::Error,
    exit::Exit,
    model::{RotatedSecret, Rotation, Secret},
    screen::Screen,
    settings, show,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app, by its name or id.
    app: AppRef,
    /// File with the new secret, readable by its owner only; without it, the platform makes one.
    #[arg(long, value_name = "FILE", conflicts_with = "retire_previous")]
    secret_file: Option<PathBuf>,
    /// Make no new secret, but let the one before be valid no longer.
    #[arg(long)]
    retire_previous: bool,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let secret = self.secret_file.as_deref().map(settings::secret_in).transpose()?;
        let webhook_secret =
            secret.map(|secret| Secret::from(secret.expose_secret().trim().to_owned()));
        let wanted = Rotation { webhook_secret, retire_previous: self.retire_previous };
        let path = format!("/v1/apps/{}/git/webhook-secret", api.app(&self.app).await?);
        let rotated: RotatedSecret = api.put(&path, &wanted).await?;
        screen.answer(&rotated, || {
            if self.retire_previous {
                "The previous secret is valid no longer.\n".to_owned()
            } else {
                show::links::rotated(&rotated, &TimeZone::system())
            }
        })?;
        Ok(Exit::Done)
    }
}

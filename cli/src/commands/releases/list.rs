//! `paas releases <app>`: what went live, newest first.

use jiff::tz::TimeZone;

use crate::{
    api::Api,
    args::AppRef,
    commands::{Limit, note_more},
    error::Error,
    exit::Exit,
    model::Releases,
    screen::Screen,
    show,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app, by its name or id.
    pub(super) app: AppRef,
    #[command(flatten)]
    pub(super) limit: Limit,
}

impl Args {
    pub(super) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let path = format!("/v1/apps/{}/releases", api.app(&self.app).await?);
        let releases: Releases = api.list(&path, &[], self.limit.limit.into()).await?;
        screen
            .answer(&releases, || show::releases::list(&releases.releases, &TimeZone::system()))?;
        note_more(&releases, screen);
        Ok(Exit::Done)
    }
}

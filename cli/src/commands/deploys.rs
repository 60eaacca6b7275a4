//! `paas deploys`: an app's deploys, newest first.

use jiff::tz::TimeZone;

use super::{Limit, note_more};
use crate::{
    api::Api, args::AppRef, error::Error, exit::Exit, model::Deploys, screen::Screen, show,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app, by its name or id.
    app: AppRef,
    #[command(flatten)]
    limit: Limit,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let path = format!("/v1/apps/{}/deploys", api.app(&self.app).await?);
        let deploys: Deploys = api.list(&path, &[], self.limit.limit.into()).await?;
        screen.answer(&deploys, || show::deploys::list(&deploys.deploys, &TimeZone::system()))?;
        note_more(&deploys, screen);
        Ok(Exit::Done)
    }
}

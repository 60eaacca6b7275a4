//! `paas releases resume`: pushes are deployed again after a rollback.

use crate::{api::Api, args::AppRef, error::Error, exit::Exit, model::Done, screen::Screen};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app, by its name or id.
    app: AppRef,
}

impl Args {
    pub(super) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let path = format!("/v1/apps/{}/resume", api.app(&self.app).await?);
        let resumed: Done = api.post(&path).await?;
        screen
            .answer(&resumed, || "Auto-deploy is resumed: the next push goes live.\n".to_owned())?;
        Ok(Exit::Done)
    }
}

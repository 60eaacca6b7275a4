//! `paas deploy redeploy`: an app's newest commit once more.

use super::watch;
use crate::{
    api::Api, args::AppRef, error::Error, exit::Exit, model::Commanded, screen::Screen, show,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app, by its name or id.
    app: AppRef,
    /// Follow the new deploy until it has ended, as `paas deploy watch` does.
    #[arg(long)]
    watch: bool,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let path = format!("/v1/apps/{}/redeploy", api.app(&self.app).await?);
        let made: Commanded = api.post(&path).await?;
        if self.watch {
            return watch::run(made.deploy_id, api, screen).await;
        }
        screen.answer(&made, || show::deploys::begun(made.deploy_id))?;
        Ok(Exit::Done)
    }
}

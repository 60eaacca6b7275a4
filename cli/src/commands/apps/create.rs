//! `paas apps create`: a new app.

use crate::{
    api::Api,
    error::Error,
    exit::Exit,
    model::{App, NewApp},
    screen::Screen,
    show,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app's name: lowercase letters, digits and dashes, at most 40.
    name: String,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let app: App = api.post_with("/v1/apps", &NewApp { name: &self.name }).await?;
        screen.answer(&app, || show::apps::created(&app))?;
        Ok(Exit::Done)
    }
}

//! `paas apps delete`: an app goes, with everything that was made for it.

use crate::{
    api::Api,
    args::AppRef,
    error::Error,
    exit::Exit,
    model::{App, Done},
    screen::Screen,
    show::plain,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app, by its name or id.
    app: AppRef,
    /// Delete it without asking.
    #[arg(long, short)]
    yes: bool,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let path = format!("/v1/apps/{}", api.app(&self.app).await?);
        let app: App = api.get(&path, &[]).await?;
        let name = plain(&app.name);
        if !self.yes && !confirmed(&name, screen)? {
            screen.note("Nothing was deleted.");
            return Ok(Exit::Done);
        }
        let deleted: Done = api.delete(&path).await?;
        screen.answer(&deleted, || format!("App {name} is deleted.\n"))?;
        Ok(Exit::Done)
    }
}

fn confirmed(name: &str, screen: &Screen) -> Result<bool, Error> {
    let question = format!("Delete the app {name}, its webhook, and all that runs of it?");
    screen.ask(&question)?.ok_or(Error::NobodyToAsk)
}

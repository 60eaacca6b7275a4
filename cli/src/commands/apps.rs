//! `paas apps`: what is deployed.

mod create;
mod delete;
mod list;
mod show;

use clap::Subcommand;

use crate::{api::Api, args::AppRef, error::Error, exit::Exit, screen::Screen};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Create an app.
    Create(create::Args),
    /// List the apps by name.
    List,
    /// Show an app and the repository that it follows.
    Show(Which),
    /// Delete an app: its link and webhook, and what runs of it in the cluster.
    Delete(delete::Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The app, by its name or id.
    app: AppRef,
}

impl Command {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        match self {
            Self::Create(args) => args.run(api, screen).await,
            Self::List => list::run(api, screen).await,
            Self::Show(which) => show::run(&which.app, api, screen).await,
            Self::Delete(args) => args.run(api, screen).await,
        }
    }
}

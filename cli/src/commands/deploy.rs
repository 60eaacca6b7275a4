//! `paas deploy`: one deploy.

mod cancel;
mod redeploy;
mod show;
pub(super) mod watch;

use clap::{Args, Subcommand};
use uuid::Uuid;

use crate::{api::Api, error::Error, exit::Exit, screen::Screen};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show a deploy and what happened to it.
    Show(Which),
    /// Follow a deploy until it has ended: exit code 0 when it is live, 1 when it ended otherwise.
    Watch(Which),
    /// End a deploy that is underway; what is live stays.
    Cancel(Which),
    /// Build and deploy an app's newest commit once more.
    Redeploy(redeploy::Args),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The deploy's id.
    #[arg(value_name = "ID")]
    deploy: Uuid,
}

impl Command {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        match self {
            Self::Show(which) => show::run(which.deploy, api, screen).await,
            Self::Watch(which) => watch::run(which.deploy, api, screen).await,
            Self::Cancel(which) => cancel::run(which.deploy, api, screen).await,
            Self::Redeploy(args) => args.run(api, screen).await,
        }
    }
}

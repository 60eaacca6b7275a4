//! `paas releases`: what went live, and back to it.

mod list;
mod resume;
mod rollback;

use clap::Subcommand;

use super::Limit;
use crate::{api::Api, args::AppRef, error::Error, exit::Exit, screen::Screen};

/// What it takes: an app, or a command.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Args {
    /// The app, by its name or id.
    #[arg(required = true)]
    app: Option<AppRef>,
    #[command(flatten)]
    limit: Limit,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List an app's releases, newest first; the same as without `list`.
    List(list::Args),
    /// Put an earlier release live again, without a build; auto-deploy pauses.
    Rollback(rollback::Args),
    /// Deploy pushes again after a rollback.
    Resume(resume::Args),
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        match (self.command, self.app) {
            (Some(Command::List(args)), _) => args.run(api, screen).await,
            (Some(Command::Rollback(args)), _) => args.run(api, screen).await,
            (Some(Command::Resume(args)), _) => args.run(api, screen).await,
            (None, Some(app)) => list::Args { app, limit: self.limit }.run(api, screen).await,
            // The command line is not parsed without either.
            (None, None) => Err(Error::Usage("which app?".to_owned())),
        }
    }
}

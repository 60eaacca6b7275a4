//! `paas dead-letters`: messages that could not be taken in.

mod discard;
mod list;
mod retry;
mod show;

use clap::{Args, Subcommand};

use crate::{api::Api, error::Error, exit::Exit, screen::Screen};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List dead letters, newest first.
    List(list::Args),
    /// Show a dead letter with what it contains.
    Show(Which),
    /// Take a dead letter in again, once what stood against it is mended.
    Retry(Which),
    /// Note that nobody needs a dead letter any more; it stays on record.
    Discard(Which),
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The dead letter's number, as in the list.
    #[arg(value_name = "ID")]
    letter: u64,
}

impl Command {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        match self {
            Self::List(args) => args.run(api, screen).await,
            Self::Show(which) => show::run(which.letter, api, screen).await,
            Self::Retry(which) => retry::run(which.letter, api, screen).await,
            Self::Discard(which) => discard::run(which.letter, api, screen).await,
        }
    }
}

//! `paas tokens`: with what programs and people come to the platform.

mod create;
mod list;
mod revoke;

use clap::Subcommand;
use uuid::Uuid;

use crate::{api::Api, error::Error, exit::Exit, screen::Screen};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the tokens, without the tokens themselves.
    List,
    /// Create a token; it is shown this once.
    Create(create::Args),
    /// Revoke a token: nothing is done with it any more.
    Revoke(Which),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Which {
    /// The token's id, as in the list.
    #[arg(value_name = "ID")]
    token: Uuid,
}

impl Command {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        match self {
            Self::List => list::run(api, screen).await,
            Self::Create(args) => args.run(api, screen).await,
            Self::Revoke(which) => revoke::run(which.token, api, screen).await,
        }
    }
}

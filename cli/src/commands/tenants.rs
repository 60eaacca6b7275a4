//! `paas tenants`: for whom the platform works; the operator's.

mod create;
mod list;

use clap::Subcommand;

use crate::{api::Api, error::Error, exit::Exit, screen::Screen};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// List the tenants.
    List,
    /// Create a tenant.
    Create(create::Args),
}

impl Command {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        match self {
            Self::List => list::run(api, screen).await,
            Self::Create(args) => args.run(api, screen).await,
        }
    }
}

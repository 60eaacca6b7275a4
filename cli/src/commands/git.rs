//! `paas git`: providers, links to their repositories, and what comes from there.

mod connect;
mod connections;
mod deliveries;
mod disconnect;
mod health;
mod link;
mod rotate_secret;
mod unlink;

use clap::Subcommand;

use crate::{api::Api, args::AppRef, error::Error, exit::Exit, model::Provider, screen::Screen};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Let the platform register webhooks and read repositories at a provider.
    Connect(connect::Args),
    /// Show how you stand with each provider.
    Connections,
    /// Take back what a provider allows the platform to do.
    Disconnect(WhichProvider),
    /// Make an app follow a branch of a repository; the webhook registers itself where the provider is connected.
    Link(link::Args),
    /// Make an app follow no repository any more.
    Unlink(WhichApp),
    /// Make a new webhook secret; the one before stays valid for a while.
    RotateSecret(rotate_secret::Args),
    /// Find out whether pushes arrive and go live, and what to do if not: exit code 1 then.
    Health(WhichApp),
    /// List what the provider sent for an app and what was made of it, newest first.
    Deliveries(deliveries::Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct WhichApp {
    /// The app, by its name or id.
    app: AppRef,
}

#[derive(Debug, clap::Args)]
pub(crate) struct WhichProvider {
    /// Where the code is.
    #[arg(value_enum)]
    provider: Provider,
}

impl Command {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        match self {
            Self::Connect(args) => args.run(api, screen).await,
            Self::Connections => connections::run(api, screen).await,
            Self::Disconnect(which) => disconnect::run(which.provider, api, screen).await,
            Self::Link(args) => args.run(api, screen).await,
            Self::Unlink(which) => unlink::run(&which.app, api, screen).await,
            Self::RotateSecret(args) => args.run(api, screen).await,
            Self::Health(which) => health::run(&which.app, api, screen).await,
            Self::Deliveries(args) => args.run(api, screen).await,
        }
    }
}

//! The command line: what all commands share, and which commands there are.

use std::{convert::Infallible, path::PathBuf, str::FromStr};

use clap::{Args, Parser, Subcommand};
use uuid::Uuid;

use crate::{
    api::Api,
    commands::{
        apps, audit, completions, dead_letters, deploy, deploys, git, login, logs, releases,
        replay, tenants, tokens, whoami,
    },
    error::Error,
    exit::{self, Exit},
    screen::Screen,
};

/// Link a repository once, push, watch it go live, and know why when it does not.
#[derive(Debug, Parser)]
#[command(name = "paas", version, max_term_width = 100, after_help = exit::TABLE)]
pub struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Options of all commands")]
pub(crate) struct Global {
    /// Where the platform's API is; without it the config file's `url`, or this machine's port 8080.
    #[arg(long, env = "PAAS_URL", global = true, hide_env_values = true)]
    pub(crate) url: Option<String>,
    /// File with the token, readable by its owner only; without it `PAAS_TOKEN`, or what `login` stored.
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// For which tenant the operator acts; without it the config file's `tenant`, or `default`.
    #[arg(long, env = "PAAS_TENANT", global = true, hide_env_values = true, value_name = "NAME")]
    pub(crate) tenant: Option<String>,
    /// Send the token over plain HTTP, to another machine too.
    #[arg(long, global = true)]
    pub(crate) insecure_http: bool,
    /// Print JSON, for programs: an object, or one on each line where there is more to come.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Store the platform's address and a token, once they are seen to work.
    Login(login::Args),
    /// Forget the token that `login` stored.
    Logout,
    #[command(flatten)]
    Asking(Asking),
    /// Print what a shell needs to complete commands.
    Completions(completions::Args),
}

/// Commands that ask the platform, with an address and a token.
#[derive(Debug, Subcommand)]
pub(crate) enum Asking {
    /// Show for whom the platform takes you, and what you may do.
    Whoami,
    /// Create, list, show and delete apps.
    #[command(subcommand)]
    Apps(apps::Command),
    /// Connect providers, link apps to repositories, and know why a push does nothing.
    #[command(subcommand)]
    Git(git::Command),
    /// List an app's deploys, newest first.
    Deploys(deploys::Args),
    /// Show, watch, cancel or repeat a deploy.
    #[command(subcommand)]
    Deploy(deploy::Command),
    /// List an app's releases, go back to one, and resume auto-deploy.
    Releases(releases::Args),
    /// Show what happens to an app's deploys, and what its builds and the app itself write.
    Logs(logs::Args),
    /// Take pushes in once more, as far as they are not on record.
    Replay(replay::Args),
    /// Look after pushes and word of builds that could not be taken in.
    #[command(subcommand)]
    DeadLetters(dead_letters::Command),
    /// List, create and revoke API tokens.
    #[command(subcommand)]
    Tokens(tokens::Command),
    /// List and create tenants; for the operator.
    #[command(subcommand)]
    Tenants(tenants::Command),
    /// Show who changed what, newest first.
    Audit(audit::Args),
}

impl Asking {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        match self {
            Self::Whoami => whoami::run(api, screen).await,
            Self::Apps(command) => command.run(api, screen).await,
            Self::Git(command) => command.run(api, screen).await,
            Self::Deploys(args) => args.run(api, screen).await,
            Self::Deploy(command) => command.run(api, screen).await,
            Self::Releases(args) => args.run(api, screen).await,
            Self::Logs(args) => args.run(api, screen).await,
            Self::Replay(args) => args.run(api, screen).await,
            Self::DeadLetters(command) => command.run(api, screen).await,
            Self::Tokens(command) => command.run(api, screen).await,
            Self::Tenants(command) => command.run(api, screen).await,
            Self::Audit(args) => args.run(api, screen).await,
        }
    }
}

/// Which app is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AppRef {
    Id(Uuid),
    Name(String),
}

impl FromStr for AppRef {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Uuid::try_parse(text).map_or_else(|_| Self::Name(text.to_owned()), Self::Id))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_app_is_an_id_or_a_name() {
        let id = Uuid::from_u128(7);
        assert_eq!(id.to_string().parse(), Ok(AppRef::Id(id)));
        assert_eq!("shop".parse(), Ok(AppRef::Name("shop".to_owned())));
    }
}

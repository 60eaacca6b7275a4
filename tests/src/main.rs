//! `paas-dev`: runs the whole platform on one machine, for developers, tests, demo and bench. `./dev` calls it.

mod commands;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// The whole platform on one machine, from real processes.
#[derive(Debug, Parser)]
#[command(name = "paas-dev", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts the platform and keeps it running.
    Up(commands::up::Args),
    /// Stops what `up` started and leaves nothing running.
    Down(commands::down::Args),
    /// Starts a private Postgres and NATS for the tests and runs a command with their addresses.
    Servers(commands::servers::Args),
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("PAAS_DEV_LOG").unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    match Cli::parse().command {
        Command::Up(args) => commands::up::run(args).await?,
        Command::Down(args) => commands::down::run(args).await?,
        Command::Servers(args) => return commands::servers::run(args).await,
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}

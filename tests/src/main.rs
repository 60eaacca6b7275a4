//! `paas-dev`: runs the whole platform on one machine, for developers, tests, demo and bench. `./dev` calls it.

mod commands;

use std::{io::IsTerminal as _, process::ExitCode};

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
    /// Shows a push going live, and what else may happen to one.
    Demo(commands::demo::Args),
    /// Measures what the services achieve on this machine, against what bounds them.
    Bench(commands::bench::Args),
    /// Sends what GitHub sends after a push: the hook of the demo's repository.
    Deliver(commands::deliver::Args),
    /// Cuts the power under broker and database, and counts what was acknowledged and is gone. Needs root.
    PowerLoss(commands::power_loss::Args),
    /// Starts a private Postgres and NATS for the tests and runs a command with their addresses.
    Servers(commands::servers::Args),
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_from_env("PAAS_DEV_LOG").unwrap_or_else(|_| "info".into()))
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    match Cli::parse().command {
        Command::Up(args) => commands::up::run(args).await?,
        Command::Down(args) => commands::down::run(args).await?,
        Command::Bench(args) => commands::bench::run(args).await?,
        Command::Deliver(args) => commands::deliver::run(args).await?,
        Command::Demo(args) => return commands::demo::run(args).await,
        Command::PowerLoss(args) => return commands::power_loss::run(args).await,
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

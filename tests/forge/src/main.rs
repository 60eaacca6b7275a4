//! The stand-in as a program: starts it, says what it is, and waits for a signal.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::Context as _;
use clap::Parser;
use forge_standin::{Forge, NOTICE, Options};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// How often the state is written: a kill loses no more than that.
const SAVE_EVERY: Duration = Duration::from_millis(200);

/// A stand-in for the APIs of GitHub, GitLab and Forgejo.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// File from which a restart takes everything up; nothing is kept without it.
    #[arg(long)]
    state: Option<PathBuf>,
    /// What OAuth redirect URIs must begin with; any is good without it.
    #[arg(long)]
    callback: Option<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let Cli { listen, state, callback } = cli;
    let forge = Forge::start(Options { listen, state, callback, ..Options::default() })?;
    writeln!(std::io::stdout(), "{NOTICE}\nlistening on {}", forge.url())
        .context("cannot write to standard output")?;
    let mut save = tokio::time::interval(SAVE_EVERY);
    loop {
        tokio::select! {
            _ = terminated.recv() => break,
            _ = interrupted.recv() => break,
            _ = save.tick() => forge.save()?,
        }
    }
    forge.stop()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn verify_cli() {
        Cli::command().debug_assert();
    }
}

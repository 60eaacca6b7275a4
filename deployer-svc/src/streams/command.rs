//! `deployer-svc streams`: says in what the streams differ from what they must be, or puts that right.
//!
//! Ends with 0 when nothing differs, with 1 when something does, and with 2 when the broker could not be asked.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::{Drift, Error, Renewable, Shrink, apply, drifts, renew};
use crate::broker;

/// When the broker cannot be asked.
const TROUBLE: u8 = 2;

/// What to do with the streams.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Create what is missing and correct what differs; refuses what would take stored messages or copies away
    Apply {
        /// Where and what.
        #[command(flatten)]
        settings: Settings,
        /// Also do what takes stored messages or copies away
        #[arg(long)]
        shrink: bool,
    },
    /// Tell every setting that differs, and change nothing
    Check {
        /// Where and what.
        #[command(flatten)]
        settings: Settings,
    },
    /// Make anew what is not the only record of anything
    Renew {
        /// Which of it
        #[arg(value_enum)]
        what: Renewable,
        /// Where and what.
        #[command(flatten)]
        settings: Settings,
    },
}

/// Where the streams are, and what they must be.
#[derive(Debug, Clone, clap::Args)]
pub struct Settings {
    /// The broker.
    #[command(flatten)]
    pub broker: broker::Settings,
    /// Its streams.
    #[command(flatten)]
    pub streams: broker::StreamSettings,
    /// Print one JSON document in place of lines for people
    #[arg(long)]
    pub json: bool,
}

/// Does it and prints what differs (of `apply` and `renew`: what still does).
pub async fn run(command: &Command) -> ExitCode {
    let (settings, task) = match command {
        Command::Apply { settings, shrink } => {
            (settings, Task::Apply(if *shrink { Shrink::Allow } else { Shrink::Refuse }))
        }
        Command::Check { settings } => (settings, Task::Look),
        Command::Renew { what, settings } => (settings, Task::Renew(*what)),
    };
    match differing(settings, task).await {
        Ok(drifts) => {
            print(&drifts, settings.json);
            if drifts.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "the streams could not be looked at");
            ExitCode::from(TROUBLE)
        }
    }
}

/// What comes before the look.
enum Task {
    Look,
    Apply(Shrink),
    Renew(Renewable),
}

async fn differing(settings: &Settings, task: Task) -> anyhow::Result<Vec<Drift>> {
    let client = broker::connect(&settings.broker, "deployer-svc streams").await?;
    broker::ping(&client).await?;
    let jetstream = broker::jetstream(&client);
    let (prefix, limits) = (&settings.broker.stream_prefix, settings.streams.limits());
    let done = match task {
        Task::Look => Ok(()),
        Task::Apply(shrink) => apply(&jetstream, prefix, limits, shrink).await,
        Task::Renew(what) => renew(&jetstream, prefix, what, limits).await,
    };
    match done {
        // They differ still, which is told below.
        Ok(()) | Err(Error::Refused(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(drifts(&jetstream, prefix, limits).await?)
}

#[expect(clippy::print_stdout, reason = "the differences are what the subcommand is for")]
fn print(drifts: &[Drift], as_json: bool) {
    if as_json {
        let all = drifts.iter().map(|drift| json!({ "drift": drift, "fix": drift.remedy() }));
        println!("{}", json!({ "drifts": all.collect::<Vec<_>>() }));
    } else if drifts.is_empty() {
        println!("streams and consumers are as they must be");
    } else {
        for drift in drifts {
            println!("{drift}\n     -> {}", drift.remedy());
        }
    }
}

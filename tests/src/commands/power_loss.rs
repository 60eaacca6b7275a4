//! `paas-dev power-loss`: cuts the power under the broker or the database while deliveries pour in, and counts what was
//! acknowledged and is gone. Each with the production setting, which must lose nothing, and with a weaker one, which must
//! lose something: a cut that takes nothing there would prove nothing here.

mod broker;
mod database;
mod disk;
mod frozen;
mod pushing;
mod report;
mod rig;

use std::{os::unix::process::CommandExt as _, process::ExitCode};

use anyhow::{Context as _, Result, ensure};
use e2e::{servers::Durability, signals::interrupted};
use nix::unistd::Uid;
use tracing::info;

use self::report::{Loss, Report};

/// What to cut the power of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// The broker's store: is every push that was answered 202 still there?
    Broker,
    /// Postgres's data: is every event still there that was made public, every push that was taken off the broker?
    Database,
    /// One after the other.
    All,
}

/// What to cut, and after how much.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// What to cut the power of.
    #[arg(value_enum, default_value_t = Part::All)]
    part: Part,
    /// Acknowledged pushes at least before each cut.
    #[arg(long, default_value_t = 2_500, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pushes: u64,
}

/// Set for the process that has its own mounts.
const OWN_MOUNTS: &str = "PAAS_DEV_OWN_MOUNTS";

/// Runs the command; it fails when something was lost, and when nothing was lost that had to be.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    ensure!(
        Uid::effective().is_root(),
        "power-loss needs root, for file systems of its own on loop devices: run it as root, on a machine or in a \
         container that may mount"
    );
    if std::env::var_os(OWN_MOUNTS).is_none() {
        return Err(with_own_mounts());
    }
    tokio::select! {
        report = measure(&args) => {
            let report = report?;
            report.print();
            Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
    }
}

/// Starts this program again where nobody else sees its mounts: they end with it, however it ends.
fn with_own_mounts() -> anyhow::Error {
    let again = || -> Result<std::io::Error> {
        let program = std::env::current_exe()?;
        let mut unshare = std::process::Command::new("unshare");
        unshare.args(["--mount", "--propagation", "private", "--"]).arg(program);
        Ok(unshare.args(std::env::args_os().skip(1)).env(OWN_MOUNTS, "yes").exec())
    };
    match again() {
        Ok(error) => anyhow::Error::new(error).context("run unshare (util-linux)"),
        Err(error) => error,
    }
}

async fn measure(args: &Args) -> Result<Report> {
    let mut losses = Vec::new();
    for durability in [Durability::Full, Durability::None] {
        if args.part != Part::Database {
            info!("the broker, {}", Loss::setting_of_broker(durability));
            losses.extend(broker::cut(durability, args.pushes).await.context("the broker")?);
        }
    }
    for durability in [Durability::Full, Durability::None] {
        if args.part != Part::Broker {
            info!("the database, {}", Loss::setting_of_database(durability));
            losses.extend(database::cut(durability, args.pushes).await.context("the database")?);
        }
    }
    Ok(Report { losses, at_least: args.pushes })
}

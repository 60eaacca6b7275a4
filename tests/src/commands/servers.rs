//! `paas-dev servers`: one Postgres and one NATS for a whole run of the tests.

use std::{ffi::OsString, process::ExitCode};

use anyhow::{Context as _, Result};
use e2e::{binaries, servers::TestServers, signals::interrupted};
use tokio::process::Command;

/// What to run with the servers.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The command; it finds the servers in `TEST_DATABASE_URL` and `TEST_NATS_URL`.
    #[arg(trailing_var_arg = true, required = true)]
    command: Vec<OsString>,
}

/// Runs the command and ends as it did.
pub(crate) async fn run(args: Args) -> Result<ExitCode> {
    let servers = TestServers::start().await?;
    let status = run_with(&args.command, &servers).await;
    servers.stop().await?;
    // By a signal: as a shell would say it.
    let code = status?.and_then(|status| status.code()).unwrap_or(130);
    Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)))
}

async fn run_with(
    command: &[OsString],
    servers: &TestServers,
) -> Result<Option<std::process::ExitStatus>> {
    let setpriv = binaries::in_path("setpriv").context("setpriv (util-linux) is missing")?;
    // It dies with us as well; Ctrl-C reaches it by itself.
    let mut child = Command::new(setpriv)
        .args(["--pdeathsig", "KILL", "--"])
        .args(command)
        .envs(servers.env())
        .kill_on_drop(true)
        .spawn()?;
    tokio::select! {
        status = child.wait() => Ok(Some(status?)),
        () = interrupted() => {
            // Ctrl-C reached it as well; it has its own way to stop.
            Ok(tokio::time::timeout(std::time::Duration::from_secs(20), child.wait()).await.ok().transpose()?)
        }
    }
}

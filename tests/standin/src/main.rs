//! The stand-in as a program: starts it, says what it is, and waits for a signal.

use std::{
    io::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use anyhow::Context as _;
use clap::{ArgAction, Parser};
use cluster_standin::{NOTICE, Options, Standin, switches::Switches};
use tokio::{
    net::TcpStream,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

/// A stand-in for the Kubernetes and Tekton API. It runs no containers.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    /// Address to listen on.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to write the kubeconfig that names this server.
    #[arg(long, required_unless_present = "check")]
    kubeconfig: Option<PathBuf>,
    /// How others reach it, for the kubeconfig: for instance a name of the container. Else by its address.
    #[arg(long, env = "CLUSTER_URL")]
    url: Option<String>,
    /// Serve nothing: only tell by the exit code whether one listens at the address already.
    #[arg(long)]
    check: bool,
    /// The audit log; the journal for restarts stands beside it.
    #[arg(long, env = "CLUSTER_AUDIT")]
    audit: Option<PathBuf>,
    /// How long a build takes, in milliseconds.
    #[arg(long, default_value_t = 400)]
    build_ms: u64,
    /// How long each step of a rollout takes, in milliseconds.
    #[arg(long, default_value_t = 60)]
    rollout_step_ms: u64,
    /// How long a rollout that fails on demand is stuck before it has failed, in milliseconds.
    #[arg(long, default_value_t = 600)]
    rollout_deadline_ms: u64,
    /// How many writes a watch can look back.
    #[arg(long, default_value_t = 10_000)]
    history: usize,
    /// Whether runs that end call back.
    #[arg(long, default_value_t = true, action = ArgAction::Set)]
    callbacks: bool,
    /// Where CloudEvents go; user info in the URL becomes HTTP Basic.
    #[arg(long, env = "CLUSTER_CLOUDEVENTS_SINK", hide_env_values = true)]
    cloudevents_sink: Option<String>,
    /// A namespace that is there from the beginning, with the build pipeline (repeatable).
    #[arg(long = "namespace", default_values = ["default", "paas-builds", "paas-apps"])]
    namespaces: Vec<String>,
    /// The name of the build pipeline.
    #[arg(long, default_value = "paas-build")]
    pipeline: String,
}

impl From<Cli> for Options {
    fn from(cli: Cli) -> Self {
        Self {
            listen: cli.listen,
            kubeconfig: cli.kubeconfig,
            url: cli.url,
            audit: cli.audit,
            namespaces: cli.namespaces,
            pipeline: cli.pipeline,
            build: Duration::from_millis(cli.build_ms),
            rollout_step: Duration::from_millis(cli.rollout_step_ms),
            rollout_deadline: Duration::from_millis(cli.rollout_deadline_ms),
            history: cli.history,
            cloud_events_sink: cli.cloudevents_sink,
            switches: Switches { callbacks: cli.callbacks, ..Switches::default() },
            ..Self::default()
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    if cli.check {
        return check(cli.listen).await;
    }
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    let kubeconfig = cli.kubeconfig.clone().unwrap_or_default();
    let standin = Standin::start(cli.into())?;
    writeln!(
        std::io::stdout(),
        "{NOTICE}\nlistening on {}, kubeconfig {}",
        standin.url(),
        kubeconfig.display()
    )
    .context("cannot write to standard output")?;
    tokio::select! {
        _ = terminated.recv() => {}
        _ = interrupted.recv() => {}
    }
    standin.stop()
}

async fn check(address: SocketAddr) -> anyhow::Result<()> {
    let port = address.port();
    let connecting = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
    let connected = tokio::time::timeout(Duration::from_secs(3), connecting).await;
    connected.context("no answer")?.with_context(|| format!("nobody listens on port {port}"))?;
    Ok(())
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

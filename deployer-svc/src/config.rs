//! The command line: every setting is a flag with its variable, default and help in one declaration.

use std::{net::SocketAddr, time::Duration};

use clap::{Parser, Subcommand};
use secrecy::SecretString;
use telemetry::LogFormat;

use crate::{
    agent, broker, clone_credentials, cluster_port, doctor, intake, logs, probe, rebuild,
    repair::republish, runner, store, streams,
};

/// Allowance beyond what Tekton and Kubernetes were told, before the deployer gives up in their place.
const BUILD_ALLOWANCE: Duration = Duration::from_mins(5);
const ROLLOUT_ALLOWANCE: Duration = Duration::from_mins(1);

/// Decides deploys, drives Tekton and Kubernetes, and records every step.
#[derive(Debug, Parser)]
#[command(name = "deployer-svc", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How log lines look
    #[arg(long, env, global = true, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// What the program can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take pushes in, build and roll out, and serve the gRPC API
    Serve(Box<Serve>),
    /// Bring the tables and the streams up to date; safe to run again, and by several at once
    Migrate(Migrate),
    /// Fold the recorded events again and compare the result with the recorded state
    Rebuild(Rebuild),
    /// Publish what the stream DEPLOYS lacks of the recorded events, after it was lost or emptied
    Republish(Republish),
    /// Set the streams up, or tell in what they differ
    #[command(subcommand)]
    Streams(Box<streams::command::Command>),
    /// Check database, broker and cluster, and say what to do about what is wrong
    Doctor(Box<doctor::Args>),
    /// Serve a cluster to a deployer elsewhere
    ClusterAgent(Box<agent::Args>),
    /// Ask the deployer of this machine how it is: ends with 0 when it is well
    Health(probe::Args),
}

impl Command {
    /// The service whose logs, traces and metrics these are.
    #[must_use]
    pub fn service(&self) -> &'static str {
        if matches!(self, Self::ClusterAgent(_)) { "cluster-agent" } else { "deployer-svc" }
    }
}

/// Settings of `serve`.
#[derive(Debug, Clone, clap::Args)]
pub struct Serve {
    /// Address of the gRPC API
    #[arg(long, env, default_value = "127.0.0.1:9090")]
    pub grpc_address: SocketAddr,
    /// Bearer token of the gRPC API; required when other machines can reach the address
    #[arg(long, env, hide_env_values = true)]
    pub deployer_token: Option<SecretString>,
    /// Seconds that work in hand gets to finish after SIGTERM
    #[arg(long, env, default_value_t = 25)]
    pub shutdown_grace_seconds: u64,
    /// The database.
    #[command(flatten)]
    pub store: store::Settings,
    /// The broker.
    #[command(flatten)]
    pub broker: broker::Settings,
    /// The broker's monitoring port, such as `http://127.0.0.1:8222`; tells whether it is power-safe
    #[arg(long, env)]
    pub nats_monitor_url: Option<String>,
    /// Its streams.
    #[command(flatten)]
    pub streams: broker::StreamSettings,
    /// How the intake deals with the broker.
    #[command(flatten)]
    pub intake: intake::Settings,
    /// The logs of builds.
    #[command(flatten)]
    pub logs: logs::Settings,
    /// Where the cluster's agent is.
    #[command(flatten)]
    pub cluster: cluster_port::Settings,
    /// Who knows with what builds clone.
    #[command(flatten)]
    pub clone_credentials: clone_credentials::Settings,
    /// The agent in this process; its time limits count in any case.
    #[command(flatten)]
    pub agent: cluster_agent::Settings,
}

/// Settings of `migrate`.
#[derive(Debug, clap::Args)]
pub struct Migrate {
    /// Roles of the services.
    #[command(flatten)]
    pub roles: store::Roles,
    /// The database.
    #[command(flatten)]
    pub store: store::Settings,
    /// The broker.
    #[command(flatten)]
    pub broker: broker::Settings,
    /// Its streams.
    #[command(flatten)]
    pub streams: broker::StreamSettings,
}

/// Settings of `rebuild`.
#[derive(Debug, clap::Args)]
pub struct Rebuild {
    /// The database.
    #[command(flatten)]
    pub store: store::Settings,
    /// Which lines.
    #[command(flatten)]
    pub lines: rebuild::Args,
}

/// Settings of `republish`.
#[derive(Debug, clap::Args)]
pub struct Republish {
    /// The database.
    #[command(flatten)]
    pub store: store::Settings,
    /// The broker.
    #[command(flatten)]
    pub broker: broker::Settings,
    /// Its streams.
    #[command(flatten)]
    pub streams: broker::StreamSettings,
    /// Which events.
    #[command(flatten)]
    pub events: republish::Args,
}

impl Serve {
    pub(crate) fn limits(&self) -> runner::Limits {
        let build = Duration::from_secs(self.agent.build_timeout_seconds.into());
        let rollout = self.agent.progress_deadline_seconds.unsigned_abs();
        runner::Limits {
            build: build + BUILD_ALLOWANCE,
            rollout: Duration::from_secs(rollout.into()) + ROLLOUT_ALLOWANCE,
        }
    }

    pub(crate) fn grace(&self) -> Duration {
        Duration::from_secs(self.shutdown_grace_seconds)
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
    fn no_secret_shows_itself() {
        let key = "07".repeat(32);
        let cli = Cli::parse_from([
            "deployer-svc",
            "serve",
            "--database-url=postgres://paas:hidden@localhost/paas",
            "--nats-url=nats://paas:hidden@localhost",
            "--deployer-token=hidden",
            "--cluster-agent-token=hidden",
            &format!("--callback-key={key}"),
        ]);
        let shown = format!("{cli:?}");
        assert!(!shown.contains("hidden") && !shown.contains(&key), "{shown}");
    }

    #[test]
    fn every_secret_setting_hides_its_value_in_the_help() {
        for subcommand in Cli::command().get_subcommands() {
            for arg in subcommand.get_arguments() {
                let name = arg.get_id().as_str();
                let secret =
                    ["url", "token", "callback_key"].iter().any(|word| name.ends_with(word));
                let public =
                    ["callback_url", "cluster_agent_url", "ingress_url", "nats_monitor_url"];
                if secret && !public.contains(&name) {
                    assert!(arg.is_hide_env_values_set(), "{} {name}", subcommand.get_name());
                }
            }
        }
    }
}

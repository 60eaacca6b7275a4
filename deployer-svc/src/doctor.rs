//! `deployer-svc doctor`: checks everything outside of this process and says what to do about what is wrong.

mod broker;
mod cluster;
mod database;
mod finding;
mod keys;
mod permissions;

use std::process::ExitCode;

use futures_util::{FutureExt as _, join};
use serde_json::json;

use crate::{broker as connection, cluster_port, store};
use finding::{Area, Finding, Verdict};

/// Settings of `doctor`: those of `serve`, as far as they say where things are.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The database.
    #[command(flatten)]
    pub store: store::Settings,
    /// The broker.
    #[command(flatten)]
    pub broker: connection::Settings,
    /// Its streams.
    #[command(flatten)]
    pub streams: connection::StreamSettings,
    /// URL of the broker's monitoring port; it tells whether acknowledged pushes survive a power loss
    #[arg(long, env)]
    pub nats_monitor_url: Option<String>,
    /// Replicas of the ingress, to be held against the connections that Postgres allows
    #[arg(long, env, default_value_t = 2)]
    pub ingress_replicas: u16,
    /// Replicas of the deployer, likewise
    #[arg(long, env, default_value_t = 2)]
    pub deployer_replicas: u16,
    /// Where the cluster's agent is.
    #[command(flatten)]
    pub cluster: cluster_port::Settings,
    /// The agent in this process.
    #[command(flatten)]
    pub agent: cluster_agent::Settings,
    /// Print one JSON document in place of lines for people
    #[arg(long)]
    pub json: bool,
}

/// Prints the findings; fails when something has to be done before deploys can work.
pub async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let (keys, database, broker, cluster) = join!(
        keys::check(args).boxed(),
        database::check(args).boxed(),
        broker::check(args).boxed(),
        cluster::check(args).boxed()
    );
    let findings = [keys, database, broker, cluster].concat();
    print(&findings, args.json);
    Ok(if is_healthy(&findings) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn is_healthy(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.verdict != Verdict::Fail)
}

#[expect(clippy::print_stdout, reason = "the findings are what the subcommand is for")]
fn print(findings: &[Finding], as_json: bool) {
    if as_json {
        println!("{}", json!({ "healthy": is_healthy(findings), "findings": findings }));
    } else {
        for finding in findings {
            println!("{finding}");
        }
    }
}

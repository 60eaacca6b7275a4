//! `deployer-svc doctor`: checks everything outside of this process and says what to do about what is wrong.

mod broker;
mod cluster;
mod database;

use std::{fmt, process::ExitCode};

use crate::{broker as connection, cluster_port, store};

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
    /// Where the cluster's agent is.
    #[command(flatten)]
    pub cluster: cluster_port::Settings,
    /// The agent in this process.
    #[command(flatten)]
    pub agent: cluster_agent::Settings,
}

/// Prints one finding a line; fails when something has to be done before deploys can work.
pub async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut findings = database::check(args).await;
    findings.extend(broker::check(args).await);
    findings.extend(cluster::check(args).await);
    print(&findings);
    let sick = findings.iter().any(|finding| finding.verdict == Verdict::Fail);
    Ok(if sick { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

#[expect(clippy::print_stdout, reason = "the findings are what the subcommand is for")]
fn print(findings: &[Finding]) {
    for finding in findings {
        println!("{finding}");
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Ok,
    /// Works, but not as well as it should.
    Warn,
    /// Deploys cannot work.
    Fail,
}

/// What was found, and what to do about it.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    verdict: Verdict,
    text: String,
    remedy: Option<String>,
}

impl Finding {
    fn ok(text: impl Into<String>) -> Self {
        Self { verdict: Verdict::Ok, text: text.into(), remedy: None }
    }

    fn warn(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Warn, text: text.into(), remedy: Some(remedy.into()) }
    }

    fn fail(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { verdict: Verdict::Fail, text: text.into(), remedy: Some(remedy.into()) }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verdict = match self.verdict {
            Verdict::Ok => "ok",
            Verdict::Warn => "warn",
            Verdict::Fail => "fail",
        };
        write!(f, "{verdict:<5}{}", self.text)?;
        self.remedy.iter().try_for_each(|remedy| write!(f, "\n     -> {remedy}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_what_to_do() {
        assert_eq!(Finding::ok("database: answers").to_string(), "ok   database: answers");
        let finding = Finding::fail("database: no schema", "run migrate");
        assert_eq!(finding.to_string(), "fail database: no schema\n     -> run migrate");
    }
}

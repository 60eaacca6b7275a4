//! `deployer-svc doctor` and `streams`: each mis-configuration is made for real and found, with what to do about it; a
//! healthy platform has no findings.

mod broker;
mod cluster;
mod database;
mod streams;

use std::time::Duration;

use e2e::{
    harness::{Options, Platform},
    process::Spec,
    roles::Wiring,
    servers::{Durability, TestServers},
};
use serde::Deserialize;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Debug, Deserialize)]
struct Report {
    healthy: bool,
    findings: Vec<Finding>,
}

#[derive(Debug, Deserialize)]
struct Finding {
    verdict: String,
    area: String,
    text: String,
    fix: Option<String>,
}

/// Settings that a test changes; an empty one is taken away.
type Changes<'a> = &'a [(&'static str, &'a str)];

/// Runs the doctor with other settings than the platform's own.
async fn doctor(wiring: &Wiring, changes: Changes<'_>) -> Report {
    let (_, said) = command(wiring, &["doctor", "--json"], changes).await;
    let report = said.lines().rfind(|line| line.starts_with("{\"findings\""));
    serde_json::from_str(report.unwrap_or_else(|| panic!("no report: {said}"))).unwrap()
}

/// Runs `deployer-svc` with these arguments: how it ended, and what it said.
async fn command(
    wiring: &Wiring,
    arguments: &[&str],
    changes: Changes<'_>,
) -> (Option<i32>, String) {
    let name = format!("command-{}", Uuid::new_v4().simple());
    let settings = wiring.deployer(&name, "127.0.0.1:0").unwrap();
    let mut spec = Spec { args: Vec::new(), ..settings }.args(arguments.to_vec());
    for (setting, value) in changes {
        spec.env.remove(*setting);
        if !value.is_empty() {
            spec.env.insert((*setting).to_owned(), (*value).to_owned());
        }
    }
    let mut process = spec.start().await.unwrap();
    let status = tokio::time::timeout(PATIENCE, process.wait()).await.unwrap().unwrap();
    (status.code(), std::fs::read_to_string(&spec.log).unwrap())
}

impl Report {
    /// That this was found, in this area, with a fix in one line that says so much.
    #[track_caller]
    fn finds(&self, verdict: &str, area: &str, text: &str, fix: &str) {
        let found = self.findings.iter().find(|finding| {
            finding.verdict == verdict && finding.area == area && finding.text.contains(text)
        });
        let found = found.unwrap_or_else(|| panic!("no {verdict} {area} {text:?} in {self:#?}"));
        let given = found.fix.as_deref().unwrap_or_default();
        assert!(given.contains(fix) && given.lines().count() == 1, "no {fix:?} in {found:?}");
        assert_eq!(self.healthy, !self.findings.iter().any(|finding| finding.verdict == "fail"));
        assert!(verdict != "fail" || !self.healthy);
    }
}

/// Servers as in production, and a platform on them.
async fn production() -> (TestServers, Platform) {
    let servers = TestServers::start_with(Durability::Full).await.unwrap();
    let platform =
        Platform::start_on(servers.addresses().clone(), Options::default()).await.unwrap();
    let database = platform.database().await.unwrap();
    let end = "alter system set idle_in_transaction_session_timeout = '1min'";
    database.batch_execute(end).await.unwrap();
    database.batch_execute("select pg_reload_conf()").await.unwrap();
    (servers, platform)
}

#[tokio::test]
async fn a_healthy_platform_has_no_findings() {
    let (servers, platform) = production().await;
    let monitor = servers.monitor_url();
    let report = doctor(platform.wiring(), &[("NATS_MONITOR_URL", &monitor)]).await;
    let ailing: Vec<_> = report.findings.iter().filter(|finding| finding.verdict != "ok").collect();
    assert!(report.healthy && ailing.is_empty(), "{ailing:#?}");
    for area in ["keys", "database", "broker", "cluster"] {
        let looked_at = report.findings.iter().filter(|finding| finding.area == area).count();
        assert!(looked_at >= 2, "{area}: {report:#?}");
    }
    assert!(report.findings.iter().all(|finding| finding.fix.is_none()));
}

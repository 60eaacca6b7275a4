//! Whether the broker answers, is new enough, keeps what it acknowledged, has room for the streams, and lets us use them.

use std::time::Duration;

use async_nats::{Client, ConnectErrorKind, jetstream};
use jiff::Timestamp;
use serde::Deserialize;

use super::{Area, Args, Finding, permissions};
use crate::{
    broker,
    streams::{self, Drift, Mend},
};

const HERE: Area = Area::Broker;
/// Older ones lose messages, or their memory of message ids, in ways that were mended since.
const OLDEST: (i64, i64, i64) = (2, 12, 6);
/// A push may take 256 KiB, and headers come on top.
const LEAST_PAYLOAD: usize = 320 * 1024;
const MONITOR_TIMEOUT: Duration = Duration::from_secs(5);
const UNKNOWN_SAFETY: &str = "unknown whether acknowledged pushes survive its power loss";
const POWER_SAFE: &str =
    "ask the broker's admin for `sync_interval: always` in its jetstream block";

pub(super) async fn check(args: &Args) -> Vec<Finding> {
    let client = match broker::connect_once(&args.broker, "deployer-svc doctor").await {
        Ok(Ok(client)) => client,
        Ok(Err(kind)) => return vec![of_refusal(kind)],
        Err(error) => return vec![HERE.fail(format!("{error:#}"), "correct NATS_URL")],
    };
    let info = client.server_info();
    let mut findings = vec![of_version(&client, &info.version), of_payload(info.max_payload)];
    if !info.jetstream {
        let fix =
            "add a `jetstream { … }` block to nats-server's configuration, see docs/operations.md";
        findings.push(HERE.fail("JetStream is off", fix));
        return findings;
    }
    let account = match broker::jetstream(&client).query_account().await {
        Ok(account) => account,
        Err(error) => {
            findings.push(HERE.fail(
                format!("JetStream does not answer: {error}"),
                "enable JetStream for this user's account, and let the user publish to $JS.API.>",
            ));
            return findings;
        }
    };
    let monitored = monitor(args).await;
    findings.push(power_safety(monitored.as_ref()));
    let drifts = drifts(&client, args).await;
    let room = Room { wanted: wanted_bytes(args), there: stored_room(drifts.as_deref(), args) };
    findings.push(room.of_account(&account.limits, account.reserved_storage));
    if let Some(Ok(varz)) = &monitored {
        findings.extend(room.of_server(varz));
        findings.extend(varz.now.map(|now| HERE.clock(now.0, MONITOR_TIMEOUT / 5)));
    }
    findings.push(of_replicas(args.streams.stream_replicas, info.cluster.as_deref()));
    findings.extend(of_drifts(drifts));
    findings.push(permissions::check(&client, &args.broker.stream_prefix).await);
    findings
}

fn of_refusal(kind: ConnectErrorKind) -> Finding {
    let fix = match kind {
        ConnectErrorKind::Authentication | ConnectErrorKind::AuthorizationViolation => {
            "correct user and password in NATS_URL, or the user in the broker's configuration"
        }
        ConnectErrorKind::Tls => "make the broker's certificate and NATS_URL agree",
        ConnectErrorKind::ServerParse
        | ConnectErrorKind::Dns
        | ConnectErrorKind::TimedOut
        | ConnectErrorKind::Io
        | ConnectErrorKind::MaxReconnects => {
            "start nats-server with JetStream, or correct NATS_URL"
        }
    };
    HERE.fail(format!("it cannot be reached: {kind}"), fix)
}

fn of_version(client: &Client, version: &str) -> Finding {
    let (major, minor, patch) = OLDEST;
    if client.is_server_compatible(major, minor, patch) {
        return HERE.ok(format!("nats-server {version} answers"));
    }
    HERE.warn(
        format!("nats-server {version} is older than {major}.{minor}.{patch}"),
        "upgrade it: older ones can lose acknowledged messages",
    )
}

fn of_payload(max_payload: usize) -> Finding {
    if max_payload >= LEAST_PAYLOAD {
        return HERE.ok(format!("takes messages of {max_payload} bytes"));
    }
    HERE.fail(
        format!("takes messages of {max_payload} bytes only: large pushes are refused"),
        "set `max_payload: 1MB` in nats-server's configuration",
    )
}

/// The part of the broker's `/varz` that we need.
#[derive(Debug, Deserialize)]
struct Varz {
    now: Option<Ahead>,
    jetstream: Option<VarzJetStream>,
}

#[derive(Debug, Deserialize)]
struct VarzJetStream {
    config: Option<VarzConfig>,
    stats: Option<VarzStats>,
}

#[derive(Debug, Deserialize)]
struct VarzConfig {
    #[serde(default)]
    sync_always: bool,
    /// `max_file_store`; zero when it says nothing.
    #[serde(default)]
    max_storage: u64,
}

#[derive(Debug, Default, Deserialize)]
struct VarzStats {
    #[serde(default)]
    storage: u64,
    #[serde(default)]
    reserved_storage: u64,
}

/// How far a time was ahead of our clock when it was read.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(from = "Timestamp")]
struct Ahead(jiff::SignedDuration);

impl From<Timestamp> for Ahead {
    fn from(time: Timestamp) -> Self {
        Self(time.duration_since(Timestamp::now()))
    }
}

/// `None` where nobody says whom to ask.
async fn monitor(args: &Args) -> Option<Result<Varz, reqwest::Error>> {
    let url = args.nats_monitor_url.as_ref()?;
    let read = async {
        let client = reqwest::Client::builder().timeout(MONITOR_TIMEOUT).build()?;
        let url = format!("{}/varz", url.trim_end_matches('/'));
        client.get(url).send().await?.error_for_status()?.json().await
    };
    // The URL may hold a password.
    Some(read.await.map_err(reqwest::Error::without_url))
}

fn power_safety(monitored: Option<&Result<Varz, reqwest::Error>>) -> Finding {
    match monitored {
        None => HERE
            .warn(UNKNOWN_SAFETY, format!("{POWER_SAFE}; set NATS_MONITOR_URL to have it checked")),
        Some(Err(error)) => {
            HERE.warn(format!("{UNKNOWN_SAFETY}: {error}"), "correct NATS_MONITOR_URL")
        }
        Some(Ok(varz)) if varz.syncs_always() => {
            HERE.ok("what it acknowledged survives a power loss")
        }
        Some(Ok(_)) => HERE.warn("a power loss takes acknowledged pushes", POWER_SAFE),
    }
}

impl Varz {
    fn syncs_always(&self) -> bool {
        let config = self.jetstream.as_ref().and_then(|jetstream| jetstream.config.as_ref());
        config.is_some_and(|config| config.sync_always)
    }
}

/// Bytes that the streams reserve: as configured, and of those the ones that are reserved already.
struct Room {
    wanted: u64,
    there: u64,
}

/// PUSHES, DEPLOYS as much again, BUILDS a quarter.
fn wanted_bytes(args: &Args) -> u64 {
    let limits = args.streams.limits();
    let streams = args.broker.stream_prefix.configs(limits);
    streams.iter().filter_map(|config| u64::try_from(config.max_bytes).ok()).sum()
}

fn stored_room(drifts: Result<&[Drift], &streams::Error>, args: &Args) -> u64 {
    let missing = |name: &str| {
        let gone = |drift: &Drift| drift.is_missing() && drift.consumer.is_none();
        drifts.is_ok_and(|drifts| drifts.iter().any(|drift| gone(drift) && drift.stream == name))
    };
    let streams = args.broker.stream_prefix.configs(args.streams.limits());
    let there = streams.iter().filter(|config| !missing(&config.name));
    there.filter_map(|config| u64::try_from(config.max_bytes).ok()).sum()
}

impl Room {
    /// Of our account.
    fn of_account(&self, limits: &jetstream::account::Limits, reserved: u64) -> Finding {
        match u64::try_from(limits.max_storage.unwrap_or(-1)) {
            Ok(limit) => self.judge("the account's max_file", limit, reserved),
            Err(_) => HERE.ok("the account's room is not limited"),
        }
    }

    /// Of the server as a whole.
    fn of_server(&self, varz: &Varz) -> Option<Finding> {
        let jetstream = varz.jetstream.as_ref()?;
        let limit = jetstream.config.as_ref()?.max_storage;
        let nothing = VarzStats::default();
        let stats = jetstream.stats.as_ref().unwrap_or(&nothing);
        let taken = stats.reserved_storage.max(stats.storage);
        (limit > 0).then(|| self.judge("max_file_store", limit, taken))
    }

    fn judge(&self, setting: &str, limit: u64, taken: u64) -> Finding {
        let needed = taken.saturating_sub(self.there).saturating_add(self.wanted);
        if needed <= limit {
            return HERE.ok(format!("{setting} has room for the streams"));
        }
        HERE.fail(
            format!("{setting} is {limit} bytes, the streams and what else is there need {needed}"),
            format!("raise {setting} to {needed} or more, or lower MAX_PUSHES_BYTES"),
        )
    }
}

fn of_replicas(replicas: u8, cluster: Option<&str>) -> Finding {
    match (replicas, cluster) {
        (2.., None) => HERE.fail(
            format!("STREAM_REPLICAS is {replicas}, and this server is in no cluster"),
            "set STREAM_REPLICAS to 1, or make a cluster of three servers",
        ),
        (1, Some(cluster)) => HERE.warn(
            format!("the cluster {cluster} keeps one copy of each stream only"),
            "set STREAM_REPLICAS to 3 and run `deployer-svc streams apply`",
        ),
        (_, _) => HERE.ok(format!("keeps {replicas} copies of each stream")),
    }
}

async fn drifts(client: &Client, args: &Args) -> Result<Vec<Drift>, streams::Error> {
    let (prefix, limits) = (&args.broker.stream_prefix, args.streams.limits());
    streams::drifts(&broker::jetstream(client), prefix, limits).await
}

fn of_drifts(drifts: Result<Vec<Drift>, streams::Error>) -> Vec<Finding> {
    match drifts {
        Ok(drifts) if drifts.is_empty() => {
            vec![HERE.ok("streams and consumers are as configured")]
        }
        Ok(drifts) => drifts.iter().map(of_drift).collect(),
        Err(error) => vec![HERE.fail(
            error.to_string(),
            "let the user publish to $JS.API.STREAM.INFO.* and $JS.API.CONSUMER.INFO.>; see the broker's log",
        )],
    }
}

/// What is missing is made by whoever needs it; what cannot be put right, or loses pushes, cannot wait.
fn of_drift(drift: &Drift) -> Finding {
    let loses = drift.field == "discard" || drift.field == "no_ack" || drift.field == "sealed";
    if drift.is_missing() || loses || drift.mend == Mend::Never {
        HERE.fail(drift.to_string(), drift.remedy())
    } else {
        HERE.warn(drift.to_string(), drift.remedy())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    fn varz(json: &str) -> Varz {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_broker_that_does_not_say_is_not_safe() {
        assert!(varz(r#"{"jetstream":{"config":{"sync_always":true}}}"#).syncs_always());
        assert!(!varz(r#"{"jetstream":{"config":{}}}"#).syncs_always());
        assert!(!varz(r#"{"jetstream":{}}"#).syncs_always());
        assert!(!varz("{}").syncs_always());
    }

    #[test]
    fn the_room_of_streams_that_are_there_is_not_counted_twice() {
        let varz = varz(
            r#"{"jetstream":{"config":{"max_storage":250},"stats":{"storage":7,"reserved_storage":225}}}"#,
        );
        let verdict = |room: &Room| room.of_server(&varz).unwrap().verdict;
        assert_eq!(verdict(&Room { wanted: 225, there: 225 }), Verdict::Ok);
        assert_eq!(verdict(&Room { wanted: 225, there: 100 }), Verdict::Fail);
        assert!(
            Room { wanted: 1, there: 0 }.of_server(&serde_json::from_str("{}").unwrap()).is_none()
        );
    }

    #[test]
    fn copies_need_a_cluster_and_a_cluster_wants_copies() {
        assert_eq!(of_replicas(1, None).verdict, Verdict::Ok);
        assert_eq!(of_replicas(3, Some("paas")).verdict, Verdict::Ok);
        assert_eq!(of_replicas(3, None).verdict, Verdict::Fail);
        assert_eq!(of_replicas(1, Some("paas")).verdict, Verdict::Warn);
    }

    #[test]
    fn the_clock_of_the_broker_is_read_from_its_page() {
        assert!(varz(r#"{"now":"2020-01-01T00:00:00.5Z"}"#).now.unwrap().0.is_negative());
    }
}

//! Whether the broker answers, is new enough, keeps what it acknowledged, and has the streams.

use std::time::Duration;

use async_nats::{
    Client,
    jetstream::{Context, stream::Config},
};
use paas_proto::streams;
use serde::Deserialize;

use super::{Args, Finding};
use crate::broker;

/// Older ones lose messages, or their memory of message ids, in ways that were mended since.
const OLDEST: (i64, i64, i64) = (2, 12, 6);
const MIGRATE: &str = "run `deployer-svc migrate` with the same settings";
const MONITOR_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) async fn check(args: &Args) -> Vec<Finding> {
    let client = match broker::connect(&args.broker, "deployer-svc doctor").await {
        Ok(client) => client,
        Err(error) => return vec![Finding::fail(format!("broker: {error:#}"), "correct NATS_URL")],
    };
    if let Err(error) = broker::ping(&client).await {
        let remedy = "start nats-server with JetStream, or correct NATS_URL";
        return vec![Finding::fail(format!("broker: {error:#}"), remedy)];
    }
    let mut findings = vec![of_version(&client), power_safety(args).await];
    let context = broker::jetstream(&client);
    for config in args.broker.stream_prefix.configs(args.streams.limits()) {
        findings.push(stream(&context, &config).await);
    }
    let prefix = &args.broker.stream_prefix;
    for name in [prefix.pushes(), prefix.builds()] {
        findings.push(consumer(&context, &name).await);
    }
    findings
}

fn of_version(client: &Client) -> Finding {
    let version = client.server_info().version;
    let (major, minor, patch) = OLDEST;
    if client.is_server_compatible(major, minor, patch) {
        Finding::ok(format!("broker: nats-server {version} answers"))
    } else {
        Finding::warn(
            format!("broker: nats-server {version} is older than {major}.{minor}.{patch}"),
            "upgrade it: older ones can lose acknowledged messages",
        )
    }
}

/// The part of the broker's `/varz` that says when it writes to disk.
#[derive(Deserialize)]
struct Varz {
    jetstream: Option<VarzJetStream>,
}

#[derive(Deserialize)]
struct VarzJetStream {
    config: Option<VarzConfig>,
}

#[derive(Deserialize)]
struct VarzConfig {
    #[serde(default)]
    sync_always: bool,
}

async fn power_safety(args: &Args) -> Finding {
    let remedy = "ask the broker's admin for `sync_interval: always` in its jetstream block";
    let Some(url) = &args.nats_monitor_url else {
        return Finding::warn(
            "broker: unknown whether acknowledged pushes survive its power loss",
            format!("{remedy}; set NATS_MONITOR_URL to have it checked"),
        );
    };
    match sync_always(url).await {
        Ok(true) => Finding::ok("broker: what it acknowledged survives a power loss"),
        Ok(false) => Finding::warn("broker: a power loss takes acknowledged pushes", remedy),
        Err(error) => Finding::warn(
            format!("broker: unknown whether acknowledged pushes survive its power loss: {error}"),
            "correct NATS_MONITOR_URL",
        ),
    }
}

async fn sync_always(url: &str) -> Result<bool, reqwest::Error> {
    let client = reqwest::Client::builder().timeout(MONITOR_TIMEOUT).build()?;
    let url = format!("{}/varz", url.trim_end_matches('/'));
    // The URL may hold a password.
    let answer = client.get(url).send().await.map_err(reqwest::Error::without_url)?;
    let varz: Varz = answer.json().await.map_err(reqwest::Error::without_url)?;
    let config = varz.jetstream.and_then(|jetstream| jetstream.config);
    Ok(config.is_some_and(|config| config.sync_always))
}

async fn stream(context: &Context, expected: &Config) -> Finding {
    let name = &expected.name;
    let found = match context.get_stream(name).await {
        Ok(stream) => stream.cached_info().config.clone(),
        Err(error) => return Finding::fail(format!("stream {name}: {error}"), MIGRATE),
    };
    match differences(expected, &found).as_slice() {
        [] => Finding::ok(format!("stream {name}: as configured")),
        different => Finding::warn(
            format!("stream {name}: not as configured: {}", different.join(", ")),
            MIGRATE,
        ),
    }
}

/// Names of the settings that decide about loss and duplicates and are not as they must be.
fn differences(expected: &Config, found: &Config) -> Vec<&'static str> {
    [
        ("subjects", expected.subjects == found.subjects),
        ("retention", expected.retention == found.retention),
        ("storage", expected.storage == found.storage),
        ("discard", expected.discard == found.discard),
        ("max_age", expected.max_age == found.max_age),
        ("max_bytes", expected.max_bytes == found.max_bytes),
        ("duplicate_window", expected.duplicate_window == found.duplicate_window),
        ("replicas", expected.num_replicas == found.num_replicas),
    ]
    .into_iter()
    .filter_map(|(setting, same)| (!same).then_some(setting))
    .collect()
}

async fn consumer(context: &Context, stream: &str) -> Finding {
    let name = streams::DEPLOYER;
    let found = match context.get_stream(stream).await {
        Ok(stream) => stream.consumer_info(name).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    let expected = streams::consumer_config();
    match found {
        Ok(info) if info.config.ack_wait == expected.ack_wait => {
            let waiting = info.num_pending + info.num_ack_pending as u64;
            Finding::ok(format!("consumer {name} of {stream}: {waiting} messages are waiting"))
        }
        Ok(_) => Finding::warn(format!("consumer {name} of {stream}: not as configured"), MIGRATE),
        Err(error) => Finding::fail(format!("consumer {name} of {stream}: {error}"), MIGRATE),
    }
}

#[cfg(test)]
mod tests {
    use paas_proto::streams::{Limits, Prefix};

    use super::*;

    #[test]
    fn a_stream_that_would_forget_is_named() {
        let [pushes, _, deploys] = Prefix::default().configs(Limits::default());
        assert!(differences(&pushes, &pushes).is_empty());
        assert!(differences(&pushes, &deploys).contains(&"discard"));
    }

    #[test]
    fn a_broker_that_does_not_say_is_not_safe() {
        let safe = |json: &str| {
            let varz: Varz = serde_json::from_str(json).unwrap();
            varz.jetstream.and_then(|js| js.config).is_some_and(|config| config.sync_always)
        };
        assert!(safe(r#"{"jetstream":{"config":{"sync_always":true}}}"#));
        assert!(!safe(r#"{"jetstream":{"config":{}}}"#));
        assert!(!safe(r#"{"jetstream":{}}"#));
        assert!(!safe("{}"));
    }
}

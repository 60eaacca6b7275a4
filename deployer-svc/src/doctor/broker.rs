//! Whether the broker answers, is new enough, keeps what it acknowledged, and has the streams.

use std::time::Duration;

use async_nats::Client;
use serde::Deserialize;

use super::{Args, Finding};
use crate::{broker, streams};

/// Older ones lose messages, or their memory of message ids, in ways that were mended since.
const OLDEST: (i64, i64, i64) = (2, 12, 6);
const MIGRATE: &str =
    "use the same STREAM_… and MAX_… settings for `migrate`, `serve` and `doctor`";
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
    vec![of_version(&client), power_safety(args).await, of_streams(&client, args).await]
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

async fn of_streams(client: &Client, args: &Args) -> Finding {
    let (prefix, limits) = (&args.broker.stream_prefix, args.streams.limits());
    match streams::check(&broker::jetstream(client), prefix, limits).await {
        Ok(()) => Finding::ok("broker: streams and consumers are as configured"),
        Err(error @ streams::Error::Broker { .. }) => {
            Finding::fail(format!("broker: {error}"), "see the broker's log")
        }
        Err(error @ streams::Error::Missing(_)) => {
            Finding::fail(format!("broker: {error}"), MIGRATE)
        }
        Err(
            error @ (streams::Error::Different { .. }
            | streams::Error::Unchangeable { .. }
            | streams::Error::TooSmall { .. }),
        ) => Finding::warn(format!("broker: {error}"), MIGRATE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! What the ingress says of itself in numbers: every verdict can be had, and is counted under its name.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use e2e::{
    api::http_client,
    deliveries::{Delivery, NO_COMMIT, github_event, github_ping, random_sha},
    harness::{LinkedApp, Platform},
    wait,
};
use paas_proto::callback::TOKEN_HEADER;
use reqwest::Method;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use uuid::Uuid;

use super::{PATIENCE, ingress_with};

const VERDICTS: [&str; 18] = [
    "queued",
    "ping",
    "ignored_event",
    "branch_mismatch",
    "auto_deploy_disabled",
    "unchanged",
    "branch_deleted",
    "repository_mismatch",
    "malformed",
    "missing_signature",
    "invalid_signature",
    "no_source",
    "too_large",
    "too_slow",
    "unsupported_content_type",
    "incomplete",
    "unavailable",
    "rate_limited",
];

/// Each metric of the ingress, and its labels.
const METRICS: [(&str, &[&str]); 21] = [
    ("paas_ingress_deliveries_total", &["provider", "verdict"]),
    ("paas_ingress_delivery_seconds_count", &["provider", "verdict"]),
    ("paas_ingress_publish_seconds_count", &["outcome"]),
    ("paas_ingress_callbacks_total", &["origin", "verdict"]),
    ("paas_ingress_rate_limited_total", &["limit"]),
    ("paas_ingress_body_bytes_in_flight", &[]),
    ("paas_ingress_ready", &[]),
    ("paas_ingress_broker_connected", &[]),
    ("paas_ingress_broker_power_safe", &[]),
    (
        "http_server_request_duration_seconds_count",
        &["http_request_method", "http_response_status_code", "http_route"],
    ),
    ("db_client_connection_wait_time_seconds_count", &[]),
    ("db_client_connection_count", &["db_client_connection_state"]),
    ("db_client_connection_max", &[]),
    ("paas_ingress_delivery_seconds_bucket", &["le", "provider", "verdict"]),
    ("paas_ingress_publish_seconds_sum", &["outcome"]),
    ("paas_ingress_ledger_rows_total", &["outcome"]),
    ("paas_ingress_secret_matched_total", &["secret"]),
    ("paas_ingress_commit_statuses_total", &["outcome"]),
    ("paas_ingress_sweeps_total", &["outcome"]),
    ("paas_ingress_sweep_found_total", &["what"]),
    ("paas_ingress_sweep_seconds_count", &[]),
];

/// A scrape: each series as it is written, with its value.
struct Scrape(BTreeMap<String, f64>);

impl Scrape {
    async fn of(platform: &Platform) -> Self {
        let url = format!("http://{}/metrics", platform.ingress[0].address());
        let answer = http_client().unwrap().get(url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let text = answer.text().await.unwrap();
        let series = text.lines().filter(|line| !line.starts_with('#'));
        let parsed = series.filter_map(|line| line.rsplit_once(' '));
        Self(parsed.map(|(series, value)| (series.to_owned(), value.parse().unwrap())).collect())
    }

    fn labels(&self, name: &str) -> BTreeSet<&str> {
        let of_name = self.0.keys().filter_map(|series| {
            let rest = series.strip_prefix(name)?;
            rest.is_empty().then_some(rest).or_else(|| rest.strip_prefix('{')?.strip_suffix('}'))
        });
        of_name
            .flat_map(|labels| labels.split(','))
            .filter_map(|it| it.split('=').next())
            .filter(|it| !it.is_empty())
            .collect()
    }

    fn has(&self, name: &str) -> bool {
        self.0.keys().any(|series| series.split('{').next() == Some(name))
    }

    /// The values of one label of series that are above zero.
    fn happened(&self, name: &str, label: &str) -> BTreeSet<&str> {
        let above = self
            .0
            .iter()
            .filter(|(series, value)| series.split('{').next() == Some(name) && **value > 0.0);
        let values = above.filter_map(|(series, _)| {
            series.split(&format!("{label}=\"")).nth(1)?.split('"').next()
        });
        values.collect()
    }

    fn value(&self, series: &str) -> f64 {
        self.0.get(series).copied().unwrap_or_default()
    }
}

async fn send(platform: &Platform, app: Uuid, delivery: &Delivery, status: u16) {
    let answer = platform.api.deliver(app, delivery).await.unwrap();
    assert_eq!(answer.status, status, "{answer:?}");
}

/// A delivery whose head announces more than comes, on a connection of its own.
async fn half_a_delivery(platform: &Platform) -> TcpStream {
    let mut stream = TcpStream::connect(platform.ingress[0].address()).await.unwrap();
    let head =
        "POST /v1/webhooks/github/x HTTP/1.1\r\nhost: ingress\r\ncontent-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    stream
}

async fn counted(platform: &Platform, series: &str) {
    let seen = || async { Ok((Scrape::of(platform).await.value(series) > 0.0).then_some(())) };
    wait::until(series, PATIENCE, seen).await.unwrap();
}

/// Everything that becomes of authentic deliveries.
async fn authentic(platform: &Platform, app: &LinkedApp) {
    let push = app.push();
    let signed = |body: &serde_json::Value| github_event("push", body, &app.secret);
    for _ in 0..2 {
        send(platform, app.id, &app.delivery(&push), 202).await;
    }
    send(platform, app.id, &github_ping(&app.secret), 200).await;
    send(platform, app.id, &github_event("issues", &json!({}), &app.secret), 200).await;
    let elsewhere = app.push().to_branch("dev");
    send(platform, app.id, &app.delivery(&elsewhere), 202).await;
    send(platform, app.id, &app.delivery(&app.push().of(NO_COMMIT)), 202).await;
    let mut other = push.github_body();
    other["repository"]["id"] = json!(1);
    other["repository"]["full_name"] = json!("octo/other");
    send(platform, app.id, &signed(&other), 202).await;
    send(platform, app.id, &signed(&json!({})), 400).await;
    let text = app.delivery(&push).with_header("content-type", "text/plain");
    send(platform, app.id, &text, 415).await;

    let live = random_sha();
    let database = platform.database().await.unwrap();
    let make_live = "update app_git_sources set last_deploy_sha = $2 where app_id = $1";
    database.execute(make_live, &[&app.id, &live]).await.unwrap();
    send(platform, app.id, &app.delivery(&app.push().of(&live)), 202).await;
    let off = "update app_git_sources set auto_deploy_enabled = $2 where app_id = $1";
    database.execute(off, &[&app.id, &false]).await.unwrap();
    send(platform, app.id, &app.delivery(&push), 202).await;
    database.execute(off, &[&app.id, &true]).await.unwrap();
}

/// Everything else, a flood last.
async fn refused(platform: &Platform, app: &LinkedApp, gitlab: &LinkedApp) {
    let delivery = app.delivery(&app.push());
    let mut cut = half_a_delivery(platform).await;
    cut.shutdown().await.unwrap();
    let slow = half_a_delivery(platform).await;
    let huge = format!(
        "POST /v1/webhooks/github/{} HTTP/1.1\r\nhost: ingress\r\ncontent-length: 99999999\r\n\r\n",
        app.id
    );
    let mut stream = TcpStream::connect(platform.ingress[0].address()).await.unwrap();
    stream.write_all(huge.as_bytes()).await.unwrap();
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");

    platform.links.ingress_to_nats.refuse();
    let new = app.push();
    send(platform, app.id, &app.delivery(&new), 503).await;
    counted(platform, "paas_ingress_publish_seconds_count{outcome=\"failed\"}").await;
    platform.links.restore();
    for (provider, verdict) in [("github", "incomplete"), ("github", "too_slow")] {
        let labels = format!("provider=\"{provider}\",verdict=\"{verdict}\"");
        counted(platform, &format!("paas_ingress_deliveries_total{{{labels}}}")).await;
    }
    drop(slow);

    let unsigned = delivery.clone().without_header("x-hub-signature-256");
    send(platform, app.id, &unsigned, 401).await;
    send(platform, gitlab.id, &gitlab.push().gitlab("not the secret"), 401).await;
    send(platform, Uuid::new_v4(), &delivery, 404).await;
    // One address may fail five times.
    for status in [401, 401, 429] {
        send(platform, app.id, &app.push().github("not the secret"), status).await;
    }
}

async fn called_back(platform: &Platform, deploy: Uuid) {
    let url = |path: &str| format!("{}/v1/callbacks/{path}", platform.api.url());
    let http = http_client().unwrap();
    let build = |deploy: Uuid, token: String| {
        http.post(url(&format!("builds/{deploy}"))).header(TOKEN_HEADER, token).send()
    };
    let key: paas_proto::callback::CallbackKey =
        platform.wiring().keys.callback_key.parse().unwrap();
    let unknown = Uuid::new_v4();
    assert_eq!(build(deploy, "no".to_owned()).await.unwrap().status(), 401);
    assert_eq!(build(unknown, key.token(unknown)).await.unwrap().status(), 404);
    let password = &platform.wiring().keys.tekton_events_token;
    let event = |password: &str| {
        http.post(url("tekton")).basic_auth("tekton", Some(password)).json(&json!({})).send()
    };
    assert_eq!(event("no").await.unwrap().status(), 401);
    assert_eq!(event(password).await.unwrap().status(), 200);
    platform.links.ingress_to_postgres.refuse();
    assert_eq!(build(deploy, key.token(deploy)).await.unwrap().status(), 503);
    platform.links.restore();
}

#[tokio::test]
async fn every_verdict_is_counted_under_its_name() {
    let platform = ingress_with(&[("RATE_LIMIT_PER_ADDRESS", "5")]).await;
    let app = platform.app("hello").await.unwrap();
    let gitlab = platform.linked_app("lab", "gitlab", json!({})).await.unwrap();
    send(&platform, gitlab.id, &gitlab.delivery(&gitlab.push()), 202).await;
    authentic(&platform, &app).await;
    called_back(&platform, Uuid::new_v4()).await;
    refused(&platform, &app, &gitlab).await;
    platform.api.call(Method::GET, "/v1/apps", None).await.unwrap();

    let scrape = Scrape::of(&platform).await;
    for name in ["paas_ingress_deliveries_total", "paas_ingress_delivery_seconds_count"] {
        assert_eq!(scrape.happened(name, "verdict"), BTreeSet::from(VERDICTS), "{name}");
        assert_eq!(scrape.happened(name, "provider"), BTreeSet::from(["github", "gitlab"]));
    }
    let published = scrape.happened("paas_ingress_publish_seconds_count", "outcome");
    assert_eq!(published, BTreeSet::from(["stored", "duplicate", "failed"]));
    let heard = scrape.happened("paas_ingress_callbacks_total", "verdict");
    let expected = ["ignored", "unauthenticated", "unavailable", "unknown"];
    assert_eq!(heard, BTreeSet::from(expected));
    let limits = scrape.happened("paas_ingress_rate_limited_total", "limit");
    assert_eq!(limits, BTreeSet::from(["address"]));
    let routes = scrape.happened("http_server_request_duration_seconds_count", "http_route");
    assert!(routes.contains("/v1/webhooks/github/{app_id}") && routes.contains("/v1/apps"));
    for (name, labels) in METRICS {
        assert!(scrape.has(name), "{name} is not there");
        assert_eq!(scrape.labels(name), labels.iter().copied().collect(), "{name}");
    }
    let ours: BTreeSet<_> = scrape.0.keys().filter_map(|series| series.split('{').next()).collect();
    let known: BTreeSet<_> = METRICS.iter().map(|(name, _)| *name).collect();
    let is_known = |name: &str| {
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|end| name.strip_suffix(end));
        known.iter().any(|it| *it == name || base.is_some_and(|base| it.starts_with(base)))
    };
    let unknown: Vec<_> = ours.into_iter().filter(|name| !is_known(name)).collect();
    assert_eq!(unknown, ["target_info"]);
}

#[tokio::test]
async fn readiness_and_the_broker_show_in_the_metrics() {
    let platform = ingress_with(&[]).await;
    let shows = |series: &'static str, wanted: f64| {
        let platform = &platform;
        wait::until(series, PATIENCE, move || async move {
            let value = Scrape::of(platform).await.0.get(series).copied();
            Ok((value == Some(wanted)).then_some(()))
        })
    };
    shows("paas_ingress_ready", 1.0).await.unwrap();
    shows("paas_ingress_broker_connected", 1.0).await.unwrap();
    shows("paas_ingress_broker_power_safe", -1.0).await.unwrap();
    platform.links.ingress_to_nats.refuse();
    // Nobody needs to ask `/readyz` for it.
    shows("paas_ingress_broker_connected", 0.0).await.unwrap();
    shows("paas_ingress_ready", 0.0).await.unwrap();
    platform.links.restore();
    shows("paas_ingress_ready", 1.0).await.unwrap();
    tokio::time::timeout(Duration::from_secs(1), Scrape::of(&platform)).await.unwrap();
}

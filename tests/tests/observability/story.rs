//! Everything that is measured happens once: deliveries of each kind, deploys that end in each way, a deployer that dies, a
//! message that nobody can read, a broker that is away. All of it while the collector is away, too.

use std::{sync::Mutex, time::Duration};

use async_nats::HeaderMap;
use e2e::{
    deliveries::{self, Push, random_sha},
    harness::{LinkedApp, Options, Platform},
    servers::{Durability, TestServers},
    wait,
};
use paas_proto::events::Provider;
use serde_json::{Value, json};
use uuid::Uuid;

use super::scrape::Scrape;

const PATIENCE: Duration = Duration::from_mins(1);
/// Nobody listens there.
const NO_COLLECTOR: &str = "http://127.0.0.1:9";

/// What must have been counted in the end.
const COUNTED_BY_INGRESS: [&str; 18] = [
    r#"paas_ingress_deliveries_total{provider="github",verdict="queued"}"#,
    r#"paas_ingress_deliveries_total{provider="gitlab",verdict="queued"}"#,
    r#"paas_ingress_deliveries_total{provider="github",verdict="ping"}"#,
    r#"paas_ingress_deliveries_total{provider="github",verdict="ignored_event"}"#,
    r#"paas_ingress_deliveries_total{provider="github",verdict="branch_mismatch"}"#,
    r#"paas_ingress_deliveries_total{provider="github",verdict="branch_deleted"}"#,
    r#"paas_ingress_deliveries_total{provider="github",verdict="auto_deploy_disabled"}"#,
    r#"paas_ingress_deliveries_total{provider="github",verdict="malformed"}"#,
    r#"paas_ingress_deliveries_total{provider="github",verdict="missing_signature"}"#,
    r#"paas_ingress_deliveries_total{provider="github",verdict="invalid_signature"}"#,
    r#"paas_ingress_deliveries_total{provider="github",verdict="no_source"}"#,
    r#"paas_ingress_deliveries_total{provider="github",verdict="unavailable"}"#,
    r#"paas_ingress_delivery_seconds_count{verdict="queued"}"#,
    r#"paas_ingress_publish_seconds_count{outcome="stored"}"#,
    r#"paas_ingress_publish_seconds_count{outcome="failed"}"#,
    r#"paas_ingress_callbacks_total{origin="build",verdict="queued"}"#,
    r#"paas_ingress_callbacks_total{origin="build",verdict="unauthenticated"}"#,
    r#"http_server_request_duration_seconds_count{http_response_status_code="202"}"#,
];
const COUNTED_BY_DEPLOYER: [&str; 18] = [
    r#"paas_deployer_intake_messages_total{stream="pushes",outcome="recorded"}"#,
    r#"paas_deployer_intake_messages_total{stream="builds",outcome="recorded"}"#,
    r#"paas_deployer_intake_messages_total{stream="pushes",outcome="dead_letter"}"#,
    r#"paas_deployer_dead_letters_total{stream="pushes"}"#,
    r#"paas_deployer_deploys_total{outcome="live",stage="none"}"#,
    r#"paas_deployer_deploys_total{outcome="superseded",stage="none"}"#,
    r#"paas_deployer_deploys_total{outcome="failed",stage="build"}"#,
    r#"paas_deployer_deploys_total{outcome="failed",stage="rollout"}"#,
    r#"paas_deployer_deploy_seconds_count{outcome="live"}"#,
    r#"paas_deployer_stage_seconds_count{stage="building"}"#,
    r#"paas_deployer_stage_seconds_count{stage="rolling_back"}"#,
    "paas_deployer_push_to_live_seconds_count",
    "paas_deployer_push_to_record_seconds_count",
    r#"paas_deployer_put_backs_total{outcome="complete"}"#,
    "paas_deployer_lease_takeovers_total",
    r#"paas_deployer_steps_total{step="roll_out",outcome="moved"}"#,
    r#"paas_deployer_cluster_calls_total{call="start_build",outcome="ok"}"#,
    "paas_deployer_relay_published_total",
];
const COUNTED_WHILE_THE_CLUSTER_IS_AWAY: [&str; 1] =
    [r#"paas_deployer_cluster_calls_total{outcome="transient"}"#];
/// And what these gauges must show.
const SHOWN_BY_DEPLOYER: [(&str, f64); 7] = [
    ("paas_deployer_ready", 1.0),
    ("paas_deployer_dead_letters", 1.0),
    ("paas_deployer_broker_power_safe", 1.0),
    ("paas_deployer_deploys_underway", 0.0),
    (r#"paas_deployer_intake_lag_messages{stream="pushes"}"#, 0.0),
    (r#"paas_deployer_intake_lag_seconds{stream="builds"}"#, 0.0),
    ("paas_deployer_relay_lag_events", 0.0),
];
const SHOWN_BY_INGRESS: [(&str, f64); 4] = [
    ("paas_ingress_ready", 1.0),
    ("paas_ingress_broker_connected", 1.0),
    ("paas_ingress_broker_power_safe", 1.0),
    ("paas_ingress_body_bytes_in_flight", 0.0),
];

/// Tells the story; what ingress and deployer have measured in the end.
pub(super) async fn told() -> (Scrape, Scrape) {
    let servers = TestServers::start_with(Durability::None).await.unwrap();
    let settings = vec![
        ("NATS_MONITOR_URL", servers.monitor_url()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", NO_COLLECTOR.to_owned()),
    ];
    let options = Options {
        deployers_run: false,
        ingress_env: settings.clone(),
        deployer_env: settings,
        ..Options::default()
    };
    let mut platform = Platform::start_on(servers.addresses().clone(), options).await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let mut accepted = vec![a_deployer_dies(&mut platform, &app).await];
    accepted.extend(deploys_end_in_each_way(&platform, &app).await);
    accepted.extend(deliveries_of_each_kind(&platform, &app).await);
    a_message_is_poison(&platform).await;
    a_callback_is_forged(&platform, accepted[0]).await;
    the_broker_is_away(&platform, &app).await;
    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    let ingress = settled(platform.ingress[0].address(), &COUNTED_BY_INGRESS, &SHOWN_BY_INGRESS);
    let ingress = ingress.await;
    let deployer =
        settled(platform.deployer[0].address(), &COUNTED_BY_DEPLOYER, &SHOWN_BY_DEPLOYER);
    let deployer = deployer.await;
    drop(platform);
    servers.stop().await.unwrap();
    (ingress, deployer)
}

/// The scrape in which all is as it must be: gauges are read every few seconds.
async fn settled(address: &str, counted: &[&str], shown: &[(&str, f64)]) -> Scrape {
    let missing = Mutex::new(Vec::new());
    let waited = wait::until("the metrics to settle", PATIENCE, || async {
        let scrape = Scrape::of(address).await;
        let counted = counted.iter().filter(|it| scrape.sum(it).is_none_or(|sum| sum < 1.0));
        let shown = shown.iter().filter(|(it, value)| scrape.sum(it) != Some(*value));
        let still = counted.copied().chain(shown.map(|(it, _)| *it)).collect::<Vec<_>>();
        let is_settled = still.is_empty();
        *missing.lock().unwrap() = still;
        Ok(is_settled.then_some(scrape))
    });
    waited.await.unwrap_or_else(|error| panic!("{error:#}, missing: {missing:#?}"))
}

async fn course(platform: &Platform, push: &Push, course: Value) {
    platform.switch(json!({ "commits": { &push.after: course } })).await.unwrap();
}

/// It dies with a lease in hand; started again, it takes its own line over.
async fn a_deployer_dies(platform: &mut Platform, app: &LinkedApp) -> Uuid {
    let points = "runner::start_build::before_effect=return";
    platform.deployer[0].start_with_failpoints(points).await.unwrap();
    platform.deployer[0].ready().await.unwrap();
    let id = platform.accepted(app, &app.push()).await.unwrap();
    platform.deployer[0].ended().await.unwrap();
    platform.start_deployers().await.unwrap();
    platform.live(id).await.unwrap();
    id
}

async fn deploys_end_in_each_way(platform: &Platform, app: &LinkedApp) -> Vec<Uuid> {
    let [unbuilt, unstarted, superseded, live] = [(); 4].map(|()| app.push());
    course(platform, &unbuilt, json!({ "build": "fail" })).await;
    course(platform, &unstarted, json!({ "rollout": "fail" })).await;
    course(platform, &superseded, json!({ "build": "hang" })).await;
    let mut accepted = Vec::new();
    for (push, end) in [(&unbuilt, "failed"), (&unstarted, "failed"), (&superseded, "building")] {
        let id = platform.accepted(app, push).await.unwrap();
        platform.api.wait_for_state(id, end, PATIENCE).await.unwrap();
        accepted.push(id);
    }
    platform.links.deployer_to_cluster.refuse();
    let id = platform.accepted(app, &live).await.unwrap();
    settled(platform.deployer[0].address(), &COUNTED_WHILE_THE_CLUSTER_IS_AWAY, &[]).await;
    platform.links.deployer_to_cluster.restore();
    platform.live(id).await.unwrap();
    accepted.push(id);
    accepted
}

async fn deliveries_of_each_kind(platform: &Platform, app: &LinkedApp) -> Vec<Uuid> {
    let deliver = |app: Uuid, delivery| async move {
        let answer = platform.api.deliver(app, &delivery).await.unwrap();
        assert_ne!(answer.status, 503, "{answer:?}");
    };
    let push = app.push();
    let not_ours = deliveries::github_event("push", &push.github_body(), "another secret");
    for delivery in [
        deliveries::github_ping(&app.secret),
        deliveries::github_event("star", &json!({ "action": "created" }), &app.secret),
        deliveries::github_event("push", &json!({ "not": "a push" }), &app.secret),
        app.delivery(&push.clone().to_branch("another")),
        app.delivery(&push.clone().of(deliveries::NO_COMMIT)),
        app.delivery(&push).without_header("x-hub-signature-256"),
        not_ours.clone(),
    ] {
        deliver(app.id, delivery).await;
    }
    deliver(Uuid::new_v4(), not_ours).await;
    let off = json!({ "auto_deploy_enabled": false });
    let off = platform.linked_app("switched-off", "github", off).await.unwrap();
    deliver(off.id, off.delivery(&off.push())).await;
    let lab = platform.linked_app("lab", "gitlab", json!({})).await.unwrap();
    let id = platform.accepted(&lab, &lab.push().of(&random_sha())).await.unwrap();
    platform.live(id).await.unwrap();
    vec![id]
}

async fn a_message_is_poison(platform: &Platform) {
    let jetstream = platform.jetstream().await.unwrap();
    let subject = platform.prefix().unwrap().push_subject(Provider::Github, Uuid::new_v4());
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", "poison");
    let published = jetstream.publish_with_headers(subject, headers, "no push".into()).await;
    published.unwrap().await.unwrap();
}

async fn a_callback_is_forged(platform: &Platform, deploy: Uuid) {
    let url = format!("{}/v1/callbacks/builds/{deploy}", platform.api.url());
    let forged = json!({ "run": "a run", "status": "Succeeded" });
    let answer = e2e::api::http_client().unwrap().post(url).json(&forged).send().await.unwrap();
    assert_eq!(answer.status(), 401);
}

async fn the_broker_is_away(platform: &Platform, app: &LinkedApp) {
    platform.links.ingress_to_nats.refuse();
    let answer = platform.push(app, &app.push()).await.unwrap();
    assert_eq!(answer.status, 503);
    platform.links.ingress_to_nats.restore();
}

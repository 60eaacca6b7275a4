//! The webhook contract, over real HTTP: every row of its table, the order of its checks, and the habits of the providers
//! that change an answer.

mod contents;
mod forgejo;
mod github;
mod gitlab;
mod order;
mod repositories;
mod rotation;
mod signing_token;
mod size;
mod trouble;
mod untrusted;

use async_nats::jetstream;
use e2e::{
    api::Answer,
    checker::{StoredPush, World},
    deliveries::Delivery,
    harness::{LinkedApp, Options, Platform},
};
use serde_json::{Value, json};

/// Both providers, for what they have in common.
const PROVIDERS: [&str; 2] = ["github", "gitlab"];

/// A platform whose deployer does not run: what the ingress answers and stores.
async fn ingress_alone() -> Platform {
    let options = Options { deployers_run: false, ..Options::default() };
    Platform::start_with(options).await.unwrap()
}

/// An app of this provider, named after it.
async fn app_of(platform: &Platform, provider: &'static str) -> LinkedApp {
    platform.linked_app(&format!("of-{provider}"), provider, json!({})).await.unwrap()
}

async fn delivered(platform: &Platform, app: &LinkedApp, delivery: &Delivery) -> Answer {
    platform.api.deliver(app.id, delivery).await.unwrap()
}

/// Delivers, and holds the whole answer against the expected one.
async fn expect(
    platform: &Platform,
    app: &LinkedApp,
    delivery: &Delivery,
    status: u16,
    body: Value,
) {
    let answer = delivered(platform, app, delivery).await;
    assert_eq!(answer, Answer { status, body, retry_after: None });
}

/// Delivers what is not to be deployed, which the answer says.
async fn expect_status(platform: &Platform, app: &LinkedApp, delivery: &Delivery, text: &str) {
    expect(platform, app, delivery, 202, json!({ "status": text })).await;
}

/// Delivers what must be queued; the whole answer is held against the push.
async fn expect_queued(platform: &Platform, app: &LinkedApp, delivery: &Delivery, sha: &str) {
    let answer = delivered(platform, app, delivery).await;
    let id = answer.deploy_id().unwrap_or_else(|| panic!("not queued: {answer:?}"));
    let body = json!({ "deploy_id": id, "sha": sha, "repo": app.repo });
    assert_eq!(answer, Answer { status: 202, body, retry_after: None });
    let stored = stored(platform).await;
    assert!(stored.iter().any(|push| push.deploy == id && push.after == sha), "not in {stored:?}");
}

/// What is in the stream of pushes.
async fn stored(platform: &Platform) -> Vec<StoredPush> {
    let mut world = World::default();
    let prefix = platform.wiring().stream_prefix.parse().unwrap();
    world.read_pushes(&platform.jetstream().await.unwrap(), &prefix).await.unwrap();
    world.pushes
}

/// All that is stored anywhere: how many messages each stream has, and each table's content.
async fn footprint(platform: &Platform) -> Vec<String> {
    let jetstream: jetstream::Context = platform.jetstream().await.unwrap();
    let database = platform.database().await.unwrap();
    let mut found = Vec::new();
    let prefix: paas_proto::streams::Prefix = platform.wiring().stream_prefix.parse().unwrap();
    for name in [prefix.pushes(), prefix.builds(), prefix.deploys()] {
        let stream = jetstream.get_stream(&name).await.unwrap();
        found.push(format!("{name}: {} messages", stream.cached_info().state.messages));
    }
    let tables = "select tablename::text from pg_tables where schemaname = 'public' order by 1";
    for table in database.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        let content = format!("select string_agg(t::text, ';' order by t::text) from {table} t");
        let content: Option<String> = database.query_one(&content, &[]).await.unwrap().get(0);
        found.push(format!("{table}: {content:?}"));
    }
    found
}

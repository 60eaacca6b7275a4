//! The stream of pushes once more, all of it, and messages that can never be taken in.

use std::{collections::BTreeMap, time::Duration};

use async_nats::{HeaderMap, jetstream, jetstream::consumer::pull};
use bytes::Bytes;
use e2e::{
    deliveries::{NO_COMMIT, random_sha},
    harness::{LinkedApp, Options, Platform},
    wait,
};
use futures_util::StreamExt as _;
use paas_proto::{
    events::{Place, Provider, PushEvent},
    streams::{DEPLOYER, consumer_config},
};
use prost::Message as _;
use serde_json::json;
use uuid::Uuid;

const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn publishing_every_push_again_changes_nothing() {
    let platform = Platform::start_with(two_deployers()).await.unwrap();
    let accepted = history(&platform).await;
    let before = Record::of(&platform).await;

    let jetstream = platform.jetstream().await.unwrap();
    let stored = stored(&platform, &jetstream).await;
    assert_eq!(stored.len(), accepted.len());
    for (subject, payload) in stored {
        // Without the message id: the broker's own deduplication is to have no part in it.
        jetstream.publish(subject, payload).await.unwrap().await.unwrap();
    }

    check(&platform, accepted, &before).await;
}

#[tokio::test]
async fn delivering_the_whole_stream_again_changes_nothing() {
    let mut platform = Platform::start_with(two_deployers()).await.unwrap();
    let accepted = history(&platform).await;
    let before = Record::of(&platform).await;

    // Between the two, no deployer may set the consumer up again by itself.
    for deployer in &mut platform.deployer {
        deployer.terminate().await.unwrap();
    }
    let jetstream = platform.jetstream().await.unwrap();
    let name = platform.prefix().unwrap().pushes();
    let stream = jetstream.get_stream(&name).await.unwrap();
    stream.delete_consumer(DEPLOYER).await.unwrap();
    stream.create_consumer(consumer_config()).await.unwrap();
    platform.start_deployers().await.unwrap();

    check(&platform, accepted, &before).await;
}

#[tokio::test]
async fn a_consumer_that_is_deleted_under_a_running_deployer_is_set_up_again_and_changes_nothing() {
    let platform = Platform::start_with(two_deployers()).await.unwrap();
    let accepted = history(&platform).await;
    let before = Record::of(&platform).await;

    let jetstream = platform.jetstream().await.unwrap();
    let stream = jetstream.get_stream(platform.prefix().unwrap().pushes()).await.unwrap();
    stream.delete_consumer(DEPLOYER).await.unwrap();
    wait::until("the consumer to be there again", PATIENCE, || async {
        let consumer = stream.get_consumer::<pull::Config>(DEPLOYER).await;
        Ok(consumer.is_ok().then_some(()))
    })
    .await
    .unwrap();

    check(&platform, accepted, &before).await;
}

#[tokio::test]
async fn what_can_never_be_taken_in_is_put_aside_and_holds_nobody_up() {
    let platform = Platform::start().await.unwrap();
    let (app, other) = (platform.app("one").await.unwrap(), platform.app("two").await.unwrap());
    let jetstream = platform.jetstream().await.unwrap();
    let poison = poison(&platform, &app);
    for message in &poison {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", message.name);
        let (subject, payload) = (message.subject.clone(), message.payload.clone());
        let published = jetstream.publish_with_headers(subject, headers, payload).await.unwrap();
        published.await.unwrap();
    }

    let mut accepted = Vec::new();
    for app in [&app, &other] {
        let id = platform.accepted(app, &app.push()).await.unwrap();
        platform.live(id).await.unwrap();
        accepted.push(id);
    }

    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    let rows = "select message_id, subject, raw, reason, deliveries from dead_letters \
                order by sequence";
    let rows = platform.database().await.unwrap().query(rows, &[]).await.unwrap();
    let found: Vec<String> = rows.iter().map(|row| row.get("message_id")).collect();
    let expected: Vec<_> = poison.iter().map(|message| message.name).collect();
    assert_eq!(found, expected);
    for (row, message) in rows.iter().zip(&poison) {
        let reason: &str = row.get("reason");
        assert!(reason.contains(message.reason), "{}: {reason:?}", message.name);
        assert_eq!(row.get::<_, &str>("subject"), message.subject, "{}", message.name);
        assert_eq!(row.get::<_, &[u8]>("raw"), message.payload, "{}", message.name);
        assert_eq!(row.get::<_, i64>("deliveries"), 1, "{}", message.name);
    }
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
    assert_eq!(world.deploys.len(), 2, "nothing else became a deploy");
}

fn two_deployers() -> Options {
    Options { deployer: 2, ..Options::default() }
}

/// Some deploys that are live, superseded, failed or duplicates, all ended.
async fn history(platform: &Platform) -> Vec<Uuid> {
    let mut accepted = Vec::new();
    for provider in ["github", "gitlab"] {
        let app = platform.linked_app(provider, provider, json!({})).await.unwrap();
        let first = app.push();
        let broken = first.then(&random_sha());
        let last = broken.then(&random_sha());
        let switches = json!({ "commits": { broken.after.as_str(): { "build": "fail" } } });
        platform.switch(switches).await.unwrap();
        for push in [&first, &broken] {
            let id = platform.accepted(&app, push).await.unwrap();
            platform.ended(id).await.unwrap();
            accepted.push(id);
        }
        for push in [&last, &last.then(&random_sha())] {
            accepted.push(platform.accepted(&app, push).await.unwrap());
        }
    }
    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    accepted
}

/// Subject and payload of every message of the stream of pushes.
async fn stored(platform: &Platform, jetstream: &jetstream::Context) -> Vec<(String, Bytes)> {
    let stream = jetstream.get_stream(platform.prefix().unwrap().pushes()).await.unwrap();
    let count = stream.cached_info().state.messages;
    let consumer = stream.create_consumer(pull::Config::default()).await.unwrap();
    let messages = consumer.messages().await.unwrap().take(usize::try_from(count).unwrap());
    let read = messages.map(|message| {
        let message = message.unwrap();
        (message.subject.to_string(), message.payload.clone())
    });
    let stored = read.collect().await;
    stream.delete_consumer(&consumer.cached_info().name).await.unwrap();
    stored
}

/// All that taking a push in may change.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    events: i64,
    /// Byte for byte.
    states: BTreeMap<Uuid, String>,
    deploys: Vec<String>,
    writes: usize,
}

impl Record {
    async fn of(platform: &Platform) -> Self {
        let database = platform.database().await.unwrap();
        let count = "select count(*) from line_events";
        let events = database.query_one(count, &[]).await.unwrap().get(0);
        let states = "select app_id, version || ' ' || state from lines";
        let states = database.query(states, &[]).await.unwrap();
        let deploys = "select deploys::text from deploys order by deploy_id";
        let deploys = database.query(deploys, &[]).await.unwrap();
        Self {
            events,
            states: states.iter().map(|row| (row.get(0), row.get(1))).collect(),
            deploys: deploys.iter().map(|row| row.get(0)).collect(),
            writes: platform.audit().unwrap().len(),
        }
    }
}

async fn check(platform: &Platform, accepted: Vec<Uuid>, before: &Record) {
    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    assert_eq!(Record::of(platform).await, *before);
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
    assert_eq!(world.not_converged(), Vec::<String>::new());
    let letters = "select count(*) from dead_letters";
    let database = platform.database().await.unwrap();
    assert_eq!(database.query_one(letters, &[]).await.unwrap().get::<_, i64>(0), 0);
}

/// A message that can never be taken in.
struct Poison {
    /// Also its message id.
    name: &'static str,
    subject: String,
    payload: Bytes,
    /// What its dead letter is to say.
    reason: &'static str,
}

/// One of each kind, on the app's own subject unless it is about that.
fn poison(platform: &Platform, app: &LinkedApp) -> Vec<Poison> {
    let prefix = platform.prefix().unwrap();
    let subject = prefix.push_subject(Provider::Github, app.id);
    let raw = |name, payload: Vec<u8>, reason| Poison {
        name,
        subject: subject.clone(),
        payload: payload.into(),
        reason,
    };
    let sound = || PushEvent {
        deploy_id: Uuid::new_v4().to_string(),
        app_id: app.id.to_string(),
        provider: Provider::Github.into(),
        repo_full_name: app.repo.clone(),
        branch: "main".to_owned(),
        before: random_sha(),
        after: random_sha(),
        pushed_at: Some(1),
        identity: "a".repeat(64),
        clone_url: format!("https://github.com/{}.git", app.repo),
        ..PushEvent::default()
    };
    let spoilt = |name, reason, spoil: &dyn Fn(&mut PushEvent)| {
        let mut push = sound();
        spoil(&mut push);
        raw(name, push.encode_to_vec(), reason)
    };
    let whole = sound().encode_to_vec();
    let stranger = Uuid::new_v4();
    let of_nobody = PushEvent { app_id: stranger.to_string(), ..sound() }.encode_to_vec();
    let paths = |push: &mut PushEvent| {
        // The broker takes 256 KiB.
        push.changed_paths = vec!["x".repeat(100_000), "y".repeat(100_000)];
        push.after = "not a commit".into();
    };
    vec![
        raw("garbage", vec![0xff; 300], "not protobuf"),
        raw("text", b"{\"after\":\"json\"}".to_vec(), "not protobuf"),
        raw("empty", Vec::new(), "app_id"),
        raw("truncated", whole[..whole.len() - 7].to_vec(), "not protobuf"),
        spoilt("app-no-uuid", "app_id", &|push| push.app_id = "seven".into()),
        spoilt("another-app", "another subject", &|push| push.app_id = stranger.to_string()),
        Poison {
            name: "unknown-app",
            subject: prefix.push_subject(Provider::Github, stranger),
            payload: of_nobody.into(),
            reason: "app",
        },
        spoilt("another-provider", "another subject", &|push| {
            push.provider = Provider::Gitlab.into();
        }),
        spoilt("no-provider", "another subject", &|push| push.provider = 0),
        spoilt("unheard-of-provider", "another subject", &|push| push.provider = 77),
        spoilt("deploy-no-uuid", "deploy_id", &|push| push.deploy_id = "7".into()),
        spoilt("short-sha", "after", &|push| push.after = "abc123".into()),
        spoilt("option-as-sha", "after", &|push| push.after = "--upload-pack=x".into()),
        spoilt("no-commit", "after", &|push| push.after = NO_COMMIT.into()),
        spoilt("no-before", "before", &|push| push.before.clear()),
        spoilt("no-identity", "identity", &|push| push.identity.clear()),
        spoilt("long-identity", "identity", &|push| push.identity = "a".repeat(100_000)),
        spoilt("no-place", "original_place", &|push| push.attempt = 1),
        spoilt("place-beyond-numbers", "out of range", &|push| {
            push.attempt = 1;
            push.original_place = Some(Place { epoch: u64::MAX, sequence: u64::MAX });
        }),
        spoilt("attempt-beyond-numbers", "attempt", &|push| {
            push.attempt = u32::MAX;
            push.original_place = Some(Place { epoch: 1, sequence: 1 });
        }),
        spoilt("no-repo", "repo_full_name", &|push| push.repo_full_name.clear()),
        spoilt("control-in-branch", "branch", &|push| push.branch = "ma\0in".into()),
        spoilt("option-as-url", "clone_url", &|push| push.clone_url = "--config=x".into()),
        spoilt("large", "after", &paths),
    ]
}

//! Messages of every kind that can never be taken in: each is put aside with its reason and its bytes, is shown as far as
//! it can be read, and holds nobody up.

use std::time::Duration;

use async_nats::{HeaderMap, jetstream};
use bytes::Bytes;
use e2e::{
    deliveries::{NO_COMMIT, random_sha},
    harness::{LinkedApp, Platform},
};
use paas_proto::{
    deploys::{
        DeadLetterState, GetDeadLetterRequest, GetDeadLetterResponse, ListDeadLettersRequest,
    },
    events::{Place, Provider, PushEvent},
};
use prost::Message as _;
use serde_json::Value;
use uuid::Uuid;

use crate::deployer_grpc;

const PATIENCE: Duration = Duration::from_mins(1);
/// Of each kind of poison, between two sound pushes.
const OF_EACH_KIND: usize = 3;

#[tokio::test]
async fn what_can_never_be_taken_in_is_put_aside_and_holds_nobody_up() {
    let platform = Platform::start().await.unwrap();
    let (app, other) = (platform.app("one").await.unwrap(), platform.app("two").await.unwrap());
    let jetstream = platform.jetstream().await.unwrap();
    let poison = poison(&platform, &app);
    assert!(poison.len() >= 12);

    let (mut accepted, mut pushes) = (Vec::new(), [app.push(), other.push()]);
    let mut alone = 0;
    // First without any: what pushes wait for one another, and for this machine.
    for kinds in [&[][..]].into_iter().cycle().take(5).chain(poison.chunks(5)) {
        if kinds.is_empty() {
            alone += pushes.len();
        }
        for message in kinds {
            for copy in 0..OF_EACH_KIND {
                publish(&jetstream, message, &format!("{}-{copy}", message.name)).await;
            }
        }
        for (app, push) in [&app, &other].into_iter().zip(&mut pushes) {
            accepted.push(platform.accepted(app, push).await.unwrap());
            *push = push.then(&random_sha());
        }
    }

    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    let waited = waits(&platform).await;
    assert_eq!(waited.len(), accepted.len(), "nothing else became a deploy");
    let (alone, beside) = waited.split_at(alone);
    let (alone, beside) = (alone.iter().max().unwrap(), beside.iter().max().unwrap());
    let longer = beside.saturating_sub(*alone);
    assert!(longer < Duration::from_secs(1), "waits of {beside:?} beside poison, else {alone:?}");
    all_are_put_aside(&platform, &poison).await;
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
}

async fn publish(jetstream: &jetstream::Context, message: &Poison, id: &str) {
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", id);
    let (subject, payload) = (message.subject.clone(), message.payload.clone());
    let published = jetstream.publish_with_headers(subject, headers, payload).await.unwrap();
    published.await.unwrap();
}

/// From when the broker had each push until it was on record, in the order of the stream.
async fn waits(platform: &Platform) -> Vec<Duration> {
    let jetstream = platform.jetstream().await.unwrap();
    let stream = jetstream.get_stream(platform.prefix().unwrap().pushes()).await.unwrap();
    let rows = "select sequence, created_at from deploys join inbox on message_id = deploy_id::text \
                order by sequence";
    let mut waits = Vec::new();
    for row in platform.database().await.unwrap().query(rows, &[]).await.unwrap() {
        let sequence: i64 = row.get("sequence");
        let message = stream.get_raw_message(u64::try_from(sequence).unwrap()).await.unwrap();
        let recorded: std::time::SystemTime = row.get("created_at");
        let recorded = recorded.duration_since(std::time::UNIX_EPOCH).unwrap();
        let stored = u64::try_from(message.time.unix_timestamp_nanos()).unwrap();
        waits.push(recorded.saturating_sub(Duration::from_nanos(stored)));
    }
    waits
}

async fn all_are_put_aside(platform: &Platform, poison: &[Poison]) {
    let mut client = deployer_grpc::client(platform).await;
    let all = ListDeadLettersRequest { page_size: 200, ..Default::default() };
    let letters = client.list_dead_letters(all).await.unwrap().into_inner().dead_letters;
    assert_eq!(letters.len(), poison.len() * OF_EACH_KIND);
    for message in poison {
        let name = message.name;
        let id = format!("{name}-0");
        let letter = letters.iter().find(|letter| letter.message_id == id);
        let letter = letter.unwrap_or_else(|| panic!("{name} is not there"));
        assert!(letter.reason.contains(message.reason), "{name}: {:?}", letter.reason);
        assert_eq!(letter.state(), DeadLetterState::Waiting, "{name}");
        assert_eq!((&letter.subject, letter.deliveries), (&message.subject, 1), "{name}");
        let app = message.subject.rsplit('.').next().unwrap();
        assert_eq!(letter.app_id, app, "{name}");
        let get = GetDeadLetterRequest { id: letter.id };
        let shown = client.get_dead_letter(get).await.unwrap().into_inner();
        assert_eq!(shown.dead_letter.as_ref(), Some(letter), "{name}");
        is_shown(message, &shown);
    }
}

/// All of its bytes up to a bound, and of its fields those that can be read.
fn is_shown(message: &Poison, shown: &GetDeadLetterResponse) {
    let (name, payload) = (message.name, &message.payload);
    assert_eq!(shown.raw_size, payload.len() as u64, "{name}");
    assert_eq!(shown.raw, payload[..payload.len().min(64 * 1024)], "{name}");
    if ["garbage", "text", "empty"].contains(&name) {
        assert_eq!(shown.decoded_json, "", "{name}");
        return;
    }
    let decoded: Value = serde_json::from_str(&shown.decoded_json).unwrap();
    assert_eq!(decoded["repo_full_name"].is_string(), name != "no-repo", "{name}: {decoded}");
    assert_eq!(decoded["provider"].is_null(), name == "no-provider", "{name}: {decoded}");
    assert!(shown.decoded_json.len() < 64 * 1024, "{name}");
}

/// A message that can never be taken in.
struct Poison {
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
        spoilt("place-beyond-numbers", "original_place", &|push| {
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

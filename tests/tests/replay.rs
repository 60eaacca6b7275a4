//! The stream of pushes once more: published again, delivered again, replayed. What is on record stays as it is; what a
//! new database lacks comes back.

mod copy;
mod intake;

use std::{collections::BTreeMap, time::Duration};

use async_nats::jetstream::{self, consumer::pull};
use bytes::Bytes;
use e2e::{
    deliveries::random_sha,
    harness::{Options, Platform},
    wait,
};
use futures_util::{StreamExt as _, TryStreamExt as _};
use paas_proto::{
    deploys::{ReplayOutcome, ReplayRequest, ReplaySummary, ReplayedPush, replay_response::Answer},
    events::{Provider, PushEvent},
    streams::{DEPLOYER, consumer_config},
};
use prost::Message as _;
use serde_json::json;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::deployer_grpc;

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
async fn replaying_the_whole_stream_changes_nothing() {
    let platform = Platform::start_with(two_deployers()).await.unwrap();
    let accepted = history(&platform).await;
    let before = Record::of(&platform).await;

    for dry_run in [true, false] {
        let (pushes, summary) = replay(&platform, everything(dry_run)).await.unwrap();
        let examined = accepted.len() as u64;
        let known = ReplaySummary { dry_run, examined, already_recorded: examined, ..nothing() };
        assert_eq!(summary, known);
        let ids: Vec<Uuid> = pushes.iter().map(|push| push.deploy_id.parse().unwrap()).collect();
        assert_eq!(ids, accepted, "in their order");
        let known = |push: &ReplayedPush| push.outcome() == ReplayOutcome::AlreadyRecorded;
        assert!(pushes.iter().all(known), "{pushes:?}");
    }

    check(&platform, accepted, &before).await;
}

#[tokio::test]
async fn replaying_into_an_empty_database_gives_the_same_live_commits() {
    let mut platform = Platform::start_with(two_deployers()).await.unwrap();
    let accepted = history(&platform).await;
    let before = live_commits(&platform).await;
    assert!(before.values().all(Option::is_some), "{before:?}");
    lose_the_database(&mut platform).await;
    assert!(live_commits(&platform).await.values().all(Option::is_none));

    let (pushes, summary) = replay(&platform, everything(true)).await.unwrap();
    let examined = accepted.len() as u64;
    let expected = ReplaySummary { dry_run: true, examined, would_take_in: examined, ..nothing() };
    assert_eq!(summary, expected, "{pushes:?}");
    let database = platform.database().await.unwrap();
    let written = "select (select count(*) from inbox) + (select count(*) from line_events)";
    let written: i64 = database.query_one(written, &[]).await.unwrap().get(0);
    assert_eq!(written, 0, "a dry run writes nothing");

    let (pushes, summary) = replay(&platform, everything(false)).await.unwrap();
    let expected = ReplaySummary { examined, taken_in: examined, ..nothing() };
    assert_eq!(summary, expected, "{pushes:?}");
    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    assert_eq!(live_commits(&platform).await, before);
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.not_converged(), Vec::<String>::new());
}

#[tokio::test]
async fn a_replay_is_of_those_pushes_that_were_asked_for() {
    let platform = Platform::start().await.unwrap();
    let mut accepted = Vec::new();
    let apps = [platform.app("one").await.unwrap(), platform.app("two").await.unwrap()];
    for app in apps.iter().chain(&apps) {
        accepted.push(platform.accepted(app, &app.push()).await.unwrap());
    }
    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    let all = replay(&platform, everything(true)).await.unwrap().0;
    assert_eq!(all.iter().map(|push| push.sequence).collect::<Vec<_>>(), [1, 2, 3, 4]);
    let asked = async |request: ReplayRequest| -> Vec<u64> {
        let pushes = replay(&platform, request).await.unwrap().0;
        pushes.iter().map(|push| push.sequence).collect()
    };
    let any = || everything(true);
    assert_eq!(asked(ReplayRequest { app_id: apps[0].id.to_string(), ..any() }).await, [1, 3]);
    assert_eq!(asked(ReplayRequest { from_sequence: 2, to_sequence: 3, ..any() }).await, [2, 3]);
    let (second, last) = (all[1].published_at, all[3].published_at);
    assert_eq!(asked(ReplayRequest { since: second, ..any() }).await, [2, 3, 4]);
    assert_eq!(asked(ReplayRequest { until: last, ..any() }).await, [1, 2, 3]);
    let one = ReplayRequest { app_id: apps[1].id.to_string(), since: second, until: last, ..any() };
    assert_eq!(asked(one).await, [2]);
    assert!(asked(ReplayRequest { from_sequence: 5, ..any() }).await.is_empty());
    let mut later = ReplayRequest { since: last, ..any() };
    later.since.get_or_insert_default().seconds += 60;
    assert!(asked(later).await.is_empty());
}

#[tokio::test]
async fn a_replay_tells_of_what_it_cannot_take_in_and_puts_it_aside_once() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    let stranger = Uuid::new_v4();
    let push =
        PushEvent { app_id: stranger.to_string(), branch: "ma\nin".into(), ..Default::default() };
    let subject = platform.prefix().unwrap().push_subject(Provider::Github, stranger);
    let jetstream = platform.jetstream().await.unwrap();
    let payload = push.encode_to_vec();
    jetstream.publish(subject, payload.into()).await.unwrap().await.unwrap();
    platform.at_rest(&[id], PATIENCE).await.unwrap();

    let database = platform.database().await.unwrap();
    for put_aside in [true, false] {
        if !put_aside {
            database.execute("delete from dead_letters", &[]).await.unwrap();
        }
        for dry_run in [true, false] {
            let (pushes, summary) = replay(&platform, everything(dry_run)).await.unwrap();
            let expected = ReplaySummary {
                dry_run,
                examined: 2,
                already_recorded: 1,
                dead_lettered: 1,
                ..nothing()
            };
            assert_eq!(summary, expected, "{pushes:?}");
            let poison = &pushes[1];
            assert_eq!(poison.outcome(), ReplayOutcome::DeadLetter);
            assert_eq!(poison.reason.starts_with("dead letter "), put_aside, "{poison:?}");
            assert_eq!(
                (&*poison.app_id, &*poison.branch),
                (&*stranger.to_string(), "ma\u{fffd}in")
            );
            let letters = "select count(*) from dead_letters";
            let letters: i64 = database.query_one(letters, &[]).await.unwrap().get(0);
            assert_eq!(letters, i64::from(put_aside || !dry_run));
        }
    }
}

#[tokio::test]
async fn a_replay_that_makes_no_sense_is_refused() {
    let platform = Platform::start().await.unwrap();
    let at = |seconds| {
        let mut since = everything(true).since;
        since.get_or_insert_default().seconds = seconds;
        since
    };
    let any = || everything(true);
    for (wrong, code) in [
        (ReplayRequest { app_id: "web".to_owned(), ..any() }, Code::InvalidArgument),
        (ReplayRequest { app_id: Uuid::new_v4().to_string(), ..any() }, Code::NotFound),
        (ReplayRequest { since: at(9), until: at(9), ..any() }, Code::InvalidArgument),
        (ReplayRequest { since: at(i64::MAX), ..any() }, Code::InvalidArgument),
        (ReplayRequest { from_sequence: 9, to_sequence: 8, ..any() }, Code::InvalidArgument),
        (ReplayRequest { requested_by: "a".repeat(500), ..any() }, Code::InvalidArgument),
    ] {
        let refused = replay(&platform, wrong.clone()).await.unwrap_err();
        assert_eq!(refused.code(), code, "{wrong:?}: {refused}");
    }
}

#[tokio::test]
async fn only_some_replays_run_at_a_time_and_one_that_is_abandoned_makes_room() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.live(id).await.unwrap();
    let mut database = platform.database().await.unwrap();
    let lock = database.transaction().await.unwrap();
    lock.execute("lock table dead_letters", &[]).await.unwrap();

    let mut client = deployer_grpc::client(&platform).await;
    let mut running = Vec::new();
    let refused = loop {
        match client.replay(everything(true)).await {
            // Each waits for the lock, for a moment.
            Ok(replay) => running.push(replay),
            Err(refused) => break refused,
        }
        assert!(running.len() < 1_000, "nobody counts them");
    };
    assert_eq!(refused.code(), Code::ResourceExhausted, "{refused}");
    lock.rollback().await.unwrap();
    running.clear();
    wait::until("room for a replay", PATIENCE, || async {
        Ok(replay(&platform, everything(true)).await.ok())
    })
    .await
    .unwrap();
}

fn everything(dry_run: bool) -> ReplayRequest {
    ReplayRequest {
        dry_run: Some(dry_run),
        requested_by: "Ada".to_owned(),
        ..ReplayRequest::default()
    }
}

fn nothing() -> ReplaySummary {
    ReplaySummary::default()
}

/// What a replay answers: its pushes and, last, its summary.
async fn replay(
    platform: &Platform,
    request: ReplayRequest,
) -> Result<(Vec<ReplayedPush>, ReplaySummary), Status> {
    let mut client = deployer_grpc::client(platform).await;
    let answers = client.replay(request).await?.into_inner();
    let mut answers: Vec<_> = answers.map_ok(|answer| answer.answer.unwrap()).try_collect().await?;
    let Some(Answer::Summary(summary)) = answers.pop() else { panic!("no summary: {answers:?}") };
    let push = |answer| match answer {
        Answer::Push(push) => push,
        Answer::Summary(_) => panic!("a summary in the middle"),
    };
    Ok((answers.into_iter().map(push).collect(), summary))
}

/// By app.
async fn live_commits(platform: &Platform) -> BTreeMap<Uuid, Option<String>> {
    let commits = "select app_id, last_deploy_sha from app_git_sources";
    let rows = platform.database().await.unwrap().query(commits, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// A database in which there is nothing but the apps and their links, as from a copy. The copy of the log goes with the
/// log: a new log gives the same ids to other events.
pub(crate) async fn lose_the_database(platform: &mut Platform) {
    for deployer in &mut platform.deployer {
        deployer.terminate().await.unwrap();
    }
    let empty = "truncate line_events, lines, deploys, releases, inbox, suspects, \
            dead_letters, dead_letter_outcomes, build_logs, build_log_chunks; \
        update relay set txid = '0', position = 0; \
        update app_git_sources set last_deploy_sha = null";
    platform.database().await.unwrap().batch_execute(empty).await.unwrap();
    let jetstream = platform.jetstream().await.unwrap();
    jetstream.delete_stream(platform.prefix().unwrap().deploys()).await.unwrap();
    platform.wiring().migrate().unwrap().run(PATIENCE).await.unwrap();
    platform.start_deployers().await.unwrap();
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

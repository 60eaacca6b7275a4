//! What a drift is, and what is none.

use async_nats::jetstream::stream::{DiscardPolicy, RetentionPolicy};
use paas_proto::streams::{DEPLOYER, Limits, Prefix, consumer_config};
use serde_json::{Value, json};

use super::*;

fn pushes() -> Config {
    let [pushes, ..] = Prefix::default().configs(Limits { replicas: 1, max_pushes_bytes: 1 << 30 });
    pushes
}

/// A stream as the broker tells of it, with messages in it since `since`.
fn info(config: &Config, messages: u64, bytes: u64, since: &str) -> Info {
    let state = json!({
        "messages": messages, "bytes": bytes, "first_seq": 1, "first_ts": since,
        "last_seq": messages, "last_ts": since, "consumer_count": 1, "num_subjects": 1,
    });
    let info = json!({ "config": config, "created": since, "state": state });
    serde_json::from_value(info).unwrap()
}

fn differing(found: &Config, wanted: &Config) -> Vec<Drift> {
    of_stream(&info(found, 3, 300, &Timestamp::now().to_string()), wanted)
}

fn fields(drifts: &[Drift]) -> Vec<&str> {
    drifts.iter().map(|drift| drift.field).collect()
}

#[test]
fn what_the_broker_fills_in_is_no_difference() {
    let found = Config { max_messages: -1, max_consumers: -1, num_replicas: 1, ..pushes() };
    assert_eq!(differing(&found, &pushes()), []);
}

#[test]
fn every_field_that_differs_is_told_with_what_it_is_and_must_be() {
    let found = Config { max_bytes: 7, discard: DiscardPolicy::Old, ..pushes() };
    let drifts = differing(&found, &pushes());
    assert_eq!(fields(&drifts), ["max_bytes", "discard"]);
    assert_eq!(drifts[1].to_string(), "the stream PUSHES: discard is old, must be new");
}

#[test]
fn a_correction_leaves_what_operators_set() {
    let found = Config {
        description: Some("ours".to_owned()),
        max_bytes: 7,
        discard: DiscardPolicy::Old,
        ..pushes()
    };
    let drifts = differing(&found, &pushes());
    let corrected = corrected(found, &pushes(), &fields(&drifts));
    assert_eq!(differing(&corrected, &pushes()), []);
    assert_eq!(corrected.description.as_deref(), Some("ours"));
}

#[test]
fn work_queue_retention_cannot_be_corrected() {
    let found = Config { retention: RetentionPolicy::WorkQueue, ..pushes() };
    let drifts = differing(&found, &pushes());
    assert_eq!((fields(&drifts), &drifts[0].mend), (vec!["retention"], &Mend::Never));
}

#[test]
fn what_would_take_messages_or_copies_away_costs_something() {
    let now = Timestamp::now().to_string();
    let costs = |found: Config, wanted: Config, messages: u64, bytes: u64, since: &str| {
        let drifts = of_stream(&info(&found, messages, bytes, since), &wanted);
        assert_eq!(drifts.len(), 1, "{drifts:?}");
        matches!(drifts[0].mend, Mend::Costs(_))
    };
    let roomy = || Config { max_bytes: 2 << 30, ..pushes() };
    assert!(costs(roomy(), pushes(), 9, (1 << 30) + 1, &now));
    assert!(!costs(roomy(), pushes(), 9, 1 << 30, &now));
    let patient = || Config { max_age: Duration::ZERO, ..pushes() };
    assert!(costs(patient(), pushes(), 9, 9, "2020-01-01T00:00:00Z"));
    assert!(!costs(patient(), pushes(), 9, 9, &now));
    assert!(!costs(patient(), pushes(), 0, 0, "0001-01-01T00:00:00Z"));
    let many = || Config { max_messages_per_subject: 0, ..pushes() };
    assert!(costs(many(), pushes(), 10_001, 9, &now));
    assert!(!costs(many(), pushes(), 10_000, 9, &now));
    let three = || Config { num_replicas: 3, ..pushes() };
    assert!(costs(three(), pushes(), 0, 0, &now));
    assert!(!costs(pushes(), three(), 0, 0, &now));
}

fn consumer(change: impl FnOnce(&mut Value)) -> Vec<Drift> {
    let config: ConsumerConfig = consumer_config().into_consumer_config();
    let place = json!({ "consumer_seq": 0, "stream_seq": 0 });
    let mut info = json!({
        "stream_name": "PUSHES", "name": DEPLOYER, "created": "2026-01-01T00:00:00Z", "config": config,
        "delivered": place, "ack_floor": place, "num_ack_pending": 0, "num_redelivered": 0,
        "num_waiting": 0, "num_pending": 0, "paused": false,
    });
    change(&mut info);
    of_consumer(&serde_json::from_value(info).unwrap(), DEPLOYER, &consumer_config())
}

#[test]
fn a_consumer_is_told_apart_by_what_has_to_be_done_about_it() {
    assert_eq!(consumer(|_| ()), []);
    let drifts = consumer(|info| info["config"]["ack_wait"] = json!(30_000_000_000_u64));
    assert_eq!(
        drifts[0].to_string(),
        "the consumer deployer of PUSHES: ack_wait is 30s, must be 15s"
    );
    assert_eq!(drifts[0].mend, Mend::Update);
    let drifts = consumer(|info| info["config"]["ack_policy"] = "none".into());
    assert_eq!((fields(&drifts), &drifts[0].mend), (vec!["ack_policy"], &Mend::Recreate));
    let drifts = consumer(|info| info["paused"] = true.into());
    assert_eq!(fields(&drifts), ["paused"]);
}

//! Every shape of event that was ever written stays readable, and reads as the same event.
//!
//! `recorded_events.json` only ever grows: a line that was there once is never changed or taken out.

use std::collections::BTreeSet;

use deploy_domain::{DeployId, Ending, Event, FailedStage};
use uuid::Uuid;

use crate::words::{id, image, push, sha};

const RECORDED: &str = include_str!("recorded_events.json");

#[test]
fn every_event_ever_recorded_can_be_read_and_is_written_the_same() {
    for line in RECORDED.lines() {
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), line);
    }
}

#[test]
fn every_kind_of_event_has_a_recorded_example() {
    let recorded: BTreeSet<&str> =
        RECORDED.lines().map(|line| serde_json::from_str::<Event>(line).unwrap().name()).collect();
    let all: BTreeSet<&str> = one_of_each().iter().map(Event::name).collect();
    assert_eq!(recorded, all, "append the missing lines: {:#?}", missing(&recorded));
}

#[test]
fn the_name_of_an_event_is_its_recorded_type() {
    for event in one_of_each() {
        let json = serde_json::to_value(&event).unwrap();
        assert_eq!(json["type"], event.name());
    }
}

fn missing(recorded: &BTreeSet<&str>) -> Vec<String> {
    let unrecorded = |event: &Event| !recorded.contains(event.name());
    one_of_each()
        .into_iter()
        .filter(unrecorded)
        .map(|event| serde_json::to_string(&event).unwrap())
        .collect()
}

fn one_of_each() -> Vec<Event> {
    let deploy = id(1);
    let other: DeployId = DeployId(Uuid::from_u128(2));
    let ending = Ending::Failed { reason: "ProgressDeadlineExceeded".into() };
    let mut timed = push(1, 'a', 'b');
    timed.mark.pushed_at = Some(1_700_000_000);
    vec![
        Event::Requested { push: timed },
        Event::RedeployRequested { deploy, sha: sha('a'), by: "ada".into() },
        Event::RollbackRequested {
            deploy,
            release: 3,
            sha: sha('a'),
            image: image('a'),
            by: "ada".into(),
        },
        Event::LeftUnchanged { push: push(1, 'a', 'b'), live: other },
        Event::FoundDuplicate { push: push(1, 'a', 'b'), of: other },
        Event::ArrivedLate { push: push(1, 'a', 'b'), newer: other },
        Event::HeldBack { push: push(1, 'a', 'b'), paused_by: other },
        Event::Superseded { deploy, by: other },
        Event::BuildStarted { deploy },
        Event::Built { deploy, image: image('a') },
        Event::RolloutStarted { deploy, generation: 4 },
        Event::WentLive { deploy, release: 5 },
        Event::PutBackStarted { deploy, generation: 6, ending },
        Event::Failed { deploy, stage: FailedStage::Build, reason: "exit 1".into() },
        Event::Cancelled { deploy, by: "ada".into() },
        Event::BuildStopped { deploy },
        Event::AutoDeployPaused { by: deploy },
        Event::AutoDeployResumed { by: "ada".into() },
    ]
}

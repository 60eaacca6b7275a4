//! A world in order passes; each kind of disorder is found.

use serde_json::json;

use super::*;

const APP: Uuid = Uuid::from_u128(1);
const FIRST: Uuid = Uuid::from_u128(11);
const SECOND: Uuid = Uuid::from_u128(12);

fn push(number: u64, deploy: Uuid, sha: &str) -> StoredPush {
    StoredPush {
        place: (1, number),
        deploy,
        app: APP,
        before: format!("before-{sha}"),
        after: sha.to_owned(),
        pushed_at: Some(100 + number),
    }
}

fn event(version: i64, deploy: Uuid, kind: &str, generation: u64) -> EventRow {
    let data = json!({ "generation": generation });
    EventRow { app: APP, version, deploy: Some(deploy), kind: kind.to_owned(), data }
}

fn write(kind: &str, verb: &str, deploy: Uuid, generation: u64) -> Write {
    let marks =
        json!({ "paas.dev/deploy-id": deploy, "paas.dev/generation": generation.to_string() });
    let image = json!([{ "name": "app", "image": format!("r/t/app@sha256:{deploy}") }]);
    let body = json!({
        "metadata": { "annotations": marks },
        "spec": { "template": { "spec": { "containers": image } } },
    });
    serde_json::from_value(json!({
        "at": "2026-11-20T10:00:00Z", "verb": verb, "kind": kind, "namespace": "paas-apps",
        "name": "app", "resource_version": generation.to_string(), "body": body,
    }))
    .unwrap()
}

/// Two pushes of an app, both live one after the other.
fn in_order() -> World {
    let mut world = World { accepted: vec![FIRST, SECOND], ..World::default() };
    world.pushes = vec![push(1, FIRST, "a"), push(2, SECOND, "b")];
    world.apps.insert(APP, AppRow { last_deploy_sha: Some("b".to_owned()) });
    for (generation, (deploy, sha)) in (1..).zip([(FIRST, "a"), (SECOND, "b")]) {
        let source = format!("github_webhook:{sha}");
        let row = DeployRow { sha: sha.to_owned(), source, state: "live".to_owned() };
        world.deploys.insert(deploy, row);
        for kind in ["requested", "rollout_started", "went_live"] {
            let version = i64::try_from(world.events.len()).unwrap() + 1;
            world.events.push(event(version, deploy, kind, generation));
        }
        world.writes.push(write("PipelineRun", "create", deploy, generation));
        world.writes.push(write("Deployment", "apply", deploy, generation));
    }
    world.lines.insert(APP, 6);
    world
}

/// The one violation that a change makes.
fn found(change: impl FnOnce(&mut World)) -> String {
    let mut world = in_order();
    change(&mut world);
    world.violations().join("; ")
}

#[test]
fn a_world_in_order_has_no_violations() {
    assert_eq!(in_order().violations(), Vec::<String>::new());
    assert_eq!(in_order().not_converged(), Vec::<String>::new());
}

#[test]
fn a_promise_that_is_not_kept_is_found() {
    let lost = Uuid::from_u128(99);
    assert!(found(|world| world.accepted.push(lost)).starts_with("I1"));
    let underway = |world: &mut World| {
        world.deploys.get_mut(&SECOND).unwrap().state = "building".to_owned();
    };
    assert!(found(underway).starts_with("I1"));
    let twice = |world: &mut World| world.events[5] = event(6, FIRST, "failed", 0);
    assert!(found(twice).starts_with("I1"));
}

#[test]
fn a_second_build_or_rollout_is_found() {
    let build = |world: &mut World| world.writes.push(write("PipelineRun", "create", FIRST, 1));
    assert!(found(build).starts_with("I2"));
    let rollout = |world: &mut World| world.events[0] = event(1, FIRST, "rollout_started", 1);
    assert!(found(rollout).starts_with("I2"));
}

#[test]
fn an_older_image_over_a_newer_one_is_found() {
    let fence = |world: &mut World| world.writes.push(write("Deployment", "apply", FIRST, 1));
    assert!(found(fence).starts_with("I3"));
    let order = |world: &mut World| world.pushes[1].pushed_at = Some(1);
    assert!(found(order).starts_with("I3"));
}

#[test]
fn a_put_back_may_go_back() {
    let put_back = |world: &mut World| {
        world.events.push(event(7, SECOND, "put_back_started", 3));
        world.lines.insert(APP, 7);
        world.writes.push(write("Deployment", "apply", FIRST, 3));
    };
    assert_eq!(found(put_back), "");
}

#[test]
fn a_commit_that_is_not_the_live_one_is_found() {
    let wrong = |world: &mut World| {
        world.apps.get_mut(&APP).unwrap().last_deploy_sha = Some("a".to_owned());
    };
    assert!(found(wrong).starts_with("I4"));
}

#[test]
fn a_gap_and_a_wrong_fold_are_found() {
    assert!(found(|world| world.events[3].version = 9).starts_with("I5"));
    assert!(found(|world| world.misfolded.push("different".to_owned())).starts_with("I5"));
}

#[test]
fn a_stored_push_that_was_never_taken_in_is_found() {
    let lost = |world: &mut World| world.pushes.push(push(3, Uuid::from_u128(99), "c"));
    assert!(found(lost).starts_with("I8"));
}

#[test]
fn a_build_that_nobody_asked_for_is_found() {
    let stray = write("PipelineRun", "create", Uuid::from_u128(99), 1);
    assert!(found(|world| world.writes.push(stray)).starts_with("I9"));
}

#[test]
fn a_newest_push_that_is_not_live_is_not_converged() {
    let mut world = in_order();
    world.apps.get_mut(&APP).unwrap().last_deploy_sha = Some("a".to_owned());
    assert_eq!(world.not_converged().len(), 1);
}

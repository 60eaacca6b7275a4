//! A world in order passes; each kind of disorder is found.

use serde_json::{Value, json};

use super::*;

const APP: Uuid = Uuid::from_u128(1);
const FIRST: Uuid = Uuid::from_u128(11);
const SECOND: Uuid = Uuid::from_u128(12);

fn push(number: u64, deploy: Uuid, sha: &str) -> StoredPush {
    StoredPush {
        place: (1, number),
        stored_at: (1, number),
        deploy,
        app: APP,
        before: format!("before-{sha}"),
        after: sha.to_owned(),
        pushed_at: Some(100 + number),
    }
}

/// An event; `extra` are its fields beside its type and its deploy.
fn event(version: i64, deploy: Uuid, kind: &str, extra: Value) -> EventRow {
    let mut data = json!({ "type": kind, "deploy": deploy });
    if let (Some(data), Value::Object(extra)) = (data.as_object_mut(), extra) {
        data.extend(extra);
    }
    EventRow { app: APP, version, deploy: Some(deploy), kind: kind.to_owned(), data }
}

fn image(deploy: Uuid) -> String {
    format!("r/t/app@sha256:{deploy}")
}

fn write(kind: &str, verb: &str, deploy: Uuid, generation: u64) -> Write {
    let marks =
        json!({ "paas.dev/deploy-id": deploy, "paas.dev/generation": generation.to_string() });
    let image = json!([{ "name": "app", "image": image(deploy) }]);
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
    let app = AppRow { name: "app".to_owned(), last_deploy_sha: Some("b".to_owned()) };
    world.apps.insert(APP, app);
    for (generation, (deploy, sha)) in (1..).zip([(FIRST, "a"), (SECOND, "b")]) {
        let row = DeployRow {
            sha: sha.to_owned(),
            source: format!("github_webhook:{sha}"),
            state: "live".to_owned(),
            image: Some(image(deploy)),
        };
        world.deploys.insert(deploy, row);
        let pushed = json!({ "push": {
            "deploy": deploy, "after": sha, "before": format!("before-{sha}"), "pushed_at": 100 + generation,
            "place": { "epoch": 1, "sequence": generation }, "source": "github_webhook", "origin": {},
        } });
        for (kind, extra) in [
            ("requested", pushed),
            ("build_started", json!({})),
            ("built", json!({ "image": image(deploy) })),
            ("rollout_started", json!({ "generation": generation })),
            ("went_live", json!({ "release": generation })),
        ] {
            add(&mut world, deploy, kind, extra);
        }
        world.writes.push(write("PipelineRun", "create", deploy, generation));
        world.writes.push(write("Deployment", "apply", deploy, generation));
    }
    world
}

/// Adds an event to the log and to its public copy, and brings the state up to date.
fn add(world: &mut World, deploy: Uuid, kind: &str, extra: Value) {
    let version = i64::try_from(world.events.len()).unwrap() + 1;
    world.events.push(event(version, deploy, kind, extra));
    world.copy.push((APP, version));
    let state = fold::fold(world.events.iter());
    world.lines.insert(APP, LineRow { version, state });
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
fn the_state_is_folded_as_it_is_recorded() {
    let state = &in_order().lines[&APP].state;
    let release = |number: u64, deploy: Uuid, sha: &str| json!({ "number": number, "deploy": deploy, "sha": sha, "image": image(deploy) });
    assert_eq!(
        *state,
        json!({
            "next_generation": 3,
            "next_release": 3,
            "releases": [release(1, FIRST, "a"), release(2, SECOND, "b")],
            "newest": {
                "deploy": SECOND, "after": "b", "before": "before-b", "pushed_at": 102,
                "place": { "epoch": 1, "sequence": 2 },
            },
            "underway": [],
            "stopping": [],
            "auto_deploy": { "auto_deploy": "on" },
        })
    );
}

#[test]
fn a_promise_that_is_not_kept_is_found() {
    let lost = Uuid::from_u128(99);
    assert!(found(|world| world.accepted.push(lost)).starts_with("I1"));
    let underway = |world: &mut World| {
        world.deploys.get_mut(&SECOND).unwrap().state = "building".to_owned();
    };
    assert!(found(underway).starts_with("I1"));
}

#[test]
fn a_lost_deploy_is_found() {
    let lost = |world: &mut World| drop(world.deploys.remove(&FIRST));
    let found = found(lost);
    assert!(found.contains("I1") && found.contains("I8"), "{found}");
}

#[test]
fn a_deploy_that_ends_twice_or_goes_on_after_its_end_is_found() {
    for kind in ["went_live", "failed", "superseded", "build_started"] {
        let found = found(|world| add(world, FIRST, kind, json!({ "release": 3 })));
        assert!(found.contains("I1: 00000000-0000-0000-0000-00000000000b went on"), "{found}");
    }
}

#[test]
fn a_summary_that_is_not_what_the_log_says_is_found() {
    let other = |world: &mut World| {
        world.deploys.get_mut(&FIRST).unwrap().state = "failed".to_owned();
    };
    assert!(found(other).starts_with("I1"));
    let unknown = |world: &mut World| add(world, SECOND, "vanished", json!({}));
    assert!(found(unknown).starts_with("I1"));
}

#[test]
fn a_doubled_pipeline_run_is_found() {
    let build = |world: &mut World| world.writes.push(write("PipelineRun", "create", FIRST, 1));
    assert!(found(build).starts_with("I2"));
}

#[test]
fn a_build_without_a_pipeline_run_is_found() {
    let unbuilt = |world: &mut World| drop(world.writes.remove(0));
    assert!(found(unbuilt).starts_with("I2"));
}

#[test]
fn a_second_rollout_of_a_deploy_is_found() {
    let rollout =
        |world: &mut World| add(world, SECOND, "rollout_started", json!({ "generation": 3 }));
    assert!(found(rollout).contains("I2"));
}

#[test]
fn a_generation_that_goes_back_comes_again_or_is_missing_is_found() {
    let back = |world: &mut World| world.writes.push(write("Deployment", "apply", FIRST, 1));
    assert!(found(back).starts_with("I3"));
    let again = |world: &mut World| world.writes.push(write("Deployment", "apply", SECOND, 2));
    assert!(found(again).starts_with("I3"));
    let missing = |world: &mut World| {
        let annotations = world.writes[1].body.pointer_mut("/metadata/annotations").unwrap();
        annotations.as_object_mut().unwrap().remove("paas.dev/generation");
    };
    assert!(found(missing).starts_with("I3"));
}

#[test]
fn an_older_push_rolled_out_after_a_newer_one_is_found() {
    let order = |world: &mut World| world.pushes[1].pushed_at = Some(1);
    assert!(found(order).starts_with("I3"));
}

#[test]
fn a_put_back_may_go_back() {
    let third = Uuid::from_u128(13);
    let put_back = |world: &mut World| {
        world.pushes.push(push(3, third, "c"));
        let row = DeployRow { state: "failed".to_owned(), ..world.deploys[&FIRST].clone() };
        world.deploys.insert(third, row);
        let push = json!({ "deploy": third, "after": "c", "before": "before-c", "pushed_at": 103,
            "place": { "epoch": 1, "sequence": 3 }, "source": "github_webhook" });
        add(world, third, "requested", json!({ "push": push }));
        add(world, third, "built", json!({ "image": image(third) }));
        add(world, third, "rollout_started", json!({ "generation": 3 }));
        world.writes.push(write("Deployment", "apply", third, 3));
        add(world, third, "put_back_started", json!({ "generation": 4, "ending": {} }));
        world.writes.push(write("Deployment", "apply", SECOND, 4));
        add(world, third, "failed", json!({ "stage": "rollout", "reason": "why" }));
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
fn an_image_that_is_not_the_live_one_is_found() {
    let wrong = |world: &mut World| world.writes[3] = write("Deployment", "apply", FIRST, 2);
    assert!(found(wrong).starts_with("I4"));
}

#[test]
fn a_gap_in_the_log_is_found() {
    assert!(found(|world| world.events[3].version = 9).starts_with("I5"));
    let cut = |world: &mut World| drop(world.events.remove(0));
    assert!(found(cut).contains("I5"));
}

#[test]
fn a_state_that_is_not_the_fold_is_found() {
    let other = |world: &mut World| {
        world.lines.get_mut(&APP).unwrap().state["next_generation"] = json!(7);
    };
    assert!(found(other).starts_with("I5"));
    assert!(found(|world| world.lines.clear()).starts_with("I5"));
    assert!(found(|world| world.misfolded.push("different".to_owned())).starts_with("I5"));
}

#[test]
fn a_copy_that_lacks_repeats_or_turns_round_events_is_found() {
    assert!(found(|world| world.copy.truncate(9)).starts_with("I5"));
    assert!(found(|world| world.copy.push((APP, 1))).starts_with("I5"));
    assert!(found(|world| world.copy.swap(1, 2)).starts_with("I5"));
}

#[test]
fn a_stored_push_that_was_never_taken_in_is_found() {
    let lost = |world: &mut World| world.pushes.push(push(3, Uuid::from_u128(99), "c"));
    assert!(found(lost).starts_with("I8"));
    let put_aside = |world: &mut World| {
        world.pushes.push(push(3, Uuid::from_u128(99), "c"));
        world.dead_letters.insert((1, 3));
    };
    assert_eq!(found(put_aside), "");
}

#[test]
fn a_message_that_is_no_push_and_was_not_put_aside_is_found() {
    assert!(found(|world| world.unreadable.push((1, 3))).starts_with("I8"));
}

#[test]
fn an_accepted_push_that_is_not_in_the_stream_is_found() {
    assert!(found(|world| drop(world.pushes.remove(0))).starts_with("I8"));
}

#[test]
fn a_build_that_nobody_asked_for_is_found() {
    let stray = write("PipelineRun", "create", Uuid::from_u128(99), 1);
    assert!(found(|world| world.writes.push(stray)).starts_with("I9"));
}

#[test]
fn an_image_that_nobody_announced_is_found() {
    let stray = write("Deployment", "patch", SECOND, 9);
    assert!(found(|world| world.writes.push(stray)).starts_with("I9"));
}

#[test]
fn a_newest_push_that_is_not_live_is_not_converged() {
    let mut world = in_order();
    world.apps.get_mut(&APP).unwrap().last_deploy_sha = Some("a".to_owned());
    assert_eq!(world.not_converged().len(), 1);
    let mut world = in_order();
    world.pushes.push(push(3, FIRST, "c"));
    assert_eq!(world.not_converged().len(), 1);
}

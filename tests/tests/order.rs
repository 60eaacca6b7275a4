//! The newest push wins, whatever the order in which deliveries arrive and builds end.

use std::time::Duration;

use e2e::{
    deliveries::{Push, random_sha},
    harness::{LinkedApp, Options, Platform},
};
use serde_json::json;
use uuid::Uuid;

use crate::aftermath::{self, PATIENCE};

/// Pushes one upon the other, the first of them of this app.
fn pushes<const N: usize>(app: &LinkedApp) -> [Push; N] {
    let mut next = app.push();
    std::array::from_fn(|_| {
        let after = next.then(&random_sha());
        std::mem::replace(&mut next, after)
    })
}

/// The deploy ended as superseded, for this reason.
async fn is_superseded(platform: &Platform, id: Uuid, reason: &str) {
    let deploy = platform.api.wait_for_state(id, "superseded", PATIENCE).await.unwrap();
    assert_eq!(deploy.reason.as_deref(), Some(reason));
}

/// The version of the app's line at which the deploy's event stands.
async fn version(platform: &Platform, id: Uuid, kind: &str) -> u64 {
    let events = platform.api.deploy(id).await.unwrap().events;
    let event = events.iter().find(|event| event.kind == kind);
    event.unwrap_or_else(|| panic!("no {kind} among {events:?}")).version
}

/// Each write to the Deployment carries a higher generation than the one before.
fn generations_rise(platform: &Platform, app: &LinkedApp) {
    let writes = aftermath::rollouts(platform, &app.name);
    let generations: Vec<_> = writes.iter().map(|write| write.generation().unwrap()).collect();
    assert!(generations.is_sorted_by(|a, b| a < b), "{generations:?}");
}

#[tokio::test]
async fn the_newest_push_wins_over_slow_builds() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let [first, second, third] = pushes(&app);
    platform.switch(json!({ "apps": { &app.name: { "build": "hang" } } })).await.unwrap();
    platform.switch(json!({ "commits": { &third.after: { "build": "succeed" } } })).await.unwrap();
    let mut accepted = Vec::new();
    for push in [&first, &second, &third] {
        accepted.push(platform.accepted(&app, push).await.unwrap());
    }
    let newest = platform.api.wait_for_state(accepted[2], "live", PATIENCE).await.unwrap();
    assert_eq!(newest.image, aftermath::image(&platform, &app.name));
    is_superseded(&platform, accepted[0], &format!("superseded by deploy {}", accepted[1])).await;
    is_superseded(&platform, accepted[1], &format!("superseded by deploy {}", accepted[2])).await;
    assert_eq!(aftermath::rollouts(&platform, &app.name).len(), 1);
    aftermath::is_in_order(&platform, &accepted).await;
}

#[tokio::test]
async fn what_rolls_out_finishes_before_the_newer_push_follows() {
    let options = Options { rollout_step: Duration::from_millis(300), ..Options::default() };
    let platform = Platform::start_with(options).await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let [older, newer] = pushes(&app);
    let first = platform.accepted(&app, &older).await.unwrap();
    platform.api.wait_for_state(first, "rolling_out", PATIENCE).await.unwrap();
    let second = platform.accepted(&app, &newer).await.unwrap();
    platform.api.wait_for_state(second, "live", PATIENCE).await.unwrap();
    assert_eq!(platform.api.deploy(first).await.unwrap().state, "live");
    let ended = version(&platform, first, "went_live").await;
    assert!(version(&platform, second, "requested").await < ended);
    assert!(ended < version(&platform, second, "rollout_started").await);
    generations_rise(&platform, &app);
    aftermath::is_in_order(&platform, &[first, second]).await;
}

/// The newer push arrives first and goes live; then comes the older one.
async fn arrives_late(platform: &Platform, app: &LinkedApp, older: &Push, newer: &Push) {
    let live = platform.accepted(app, newer).await.unwrap();
    platform.api.wait_for_state(live, "live", PATIENCE).await.unwrap();
    let late = platform.accepted(app, older).await.unwrap();
    is_superseded(platform, late, &format!("a newer push had arrived before, deploy {live}")).await;
    assert_eq!(aftermath::builds(platform, late), 0);
    assert_eq!(aftermath::rollouts(platform, &app.name).len(), 1);
    let sha = aftermath::last_deploy_sha(platform, app.id).await;
    assert_eq!(sha.as_ref(), Some(&newer.after));
    aftermath::is_in_order(platform, &[live, late]).await;
}

#[tokio::test]
async fn an_older_push_to_github_that_arrives_late_is_superseded() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    // Not one upon the other: only the time of the push tells.
    let newer = app.push();
    let older = app.push().at(newer.pushed_at - 60);
    arrives_late(&platform, &app, &older, &newer).await;
}

#[tokio::test]
async fn an_older_push_to_gitlab_that_arrives_late_is_superseded() {
    let platform = Platform::start().await.unwrap();
    let app = platform.linked_app("hello", "gitlab", json!({})).await.unwrap();
    let [older, newer] = pushes(&app);
    arrives_late(&platform, &app, &older, &newer).await;
}

#[tokio::test]
async fn an_older_push_that_arrives_during_the_newer_build_is_superseded() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let [older, newer] = pushes(&app);
    platform.switch(json!({ "commits": { &newer.after: { "build": "hang" } } })).await.unwrap();
    let building = platform.accepted(&app, &newer).await.unwrap();
    platform.api.wait_for_state(building, "building", PATIENCE).await.unwrap();
    let late = platform.accepted(&app, &older).await.unwrap();
    let reason = format!("a newer push had arrived before, deploy {building}");
    is_superseded(&platform, late, &reason).await;
    assert_eq!(platform.api.deploy(building).await.unwrap().state, "building");
    assert_eq!(platform.api.cancel(building).await.unwrap().status, 202);
    aftermath::is_in_order(&platform, &[building, late]).await;
}

#[tokio::test]
async fn a_branch_that_goes_back_deploys_the_old_commit_again() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let [there, forth] = pushes(&app);
    let back = forth.then(&there.after);
    let mut accepted = Vec::new();
    for push in [&there, &forth, &back] {
        let id = platform.accepted(&app, push).await.unwrap();
        platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
        accepted.push(id);
    }
    assert_eq!(aftermath::last_deploy_sha(&platform, app.id).await, Some(there.after));
    generations_rise(&platform, &app);
    aftermath::is_in_order(&platform, &accepted).await;
}

#[tokio::test]
async fn no_commit_goes_backwards_on_the_deployment() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let pushes: [Push; 8] = pushes(&app);
    // Each second pair arrives the wrong way round.
    let arrivals = [0, 1, 3, 2, 4, 5, 7, 6];
    let mut accepted = Vec::new();
    for at in arrivals {
        accepted.push(platform.accepted(&app, &pushes[at]).await.unwrap());
    }
    aftermath::is_in_order(&platform, &accepted).await;
    let sha = aftermath::last_deploy_sha(&platform, app.id).await;
    assert_eq!(sha.as_ref(), Some(&pushes[7].after));
    let place = |id: Uuid| arrivals[accepted.iter().position(|other| *other == id).unwrap()];
    let rolled_out: Vec<usize> = aftermath::rollouts(&platform, &app.name)
        .iter()
        .map(|write| place(write.deploy_id().unwrap()))
        .collect();
    assert!(rolled_out.is_sorted_by(|a, b| a < b), "{rolled_out:?}");
    generations_rise(&platform, &app);
}

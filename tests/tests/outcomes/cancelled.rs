//! Deploys that a person cancels, in each stage, and those that a newer push supersedes.

use std::time::Duration;

use e2e::{
    harness::{LinkedApp, Options, Platform},
    wait,
};
use serde_json::json;
use uuid::Uuid;

use super::{course, end_of, next, pushed_until};
use crate::aftermath::{self, PATIENCE};

/// Cancels a deploy that is to end as such.
async fn cancel(platform: &Platform, id: Uuid) {
    let answer = platform.api.cancel(id).await.unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    let (state, reason) = end_of(platform, id).await;
    assert_eq!(state, "cancelled");
    assert!(reason.starts_with("cancelled by "), "{reason}");
}

async fn build_is_stopped(platform: &Platform, id: Uuid) {
    wait::until("the build to be cancelled", PATIENCE, || async {
        Ok(aftermath::build_is_cancelled(platform, id).then_some(()))
    })
    .await
    .unwrap();
    wait::until("its end to be recorded", PATIENCE, || async {
        let events = platform.api.deploy(id).await?.events;
        Ok(events.iter().any(|event| event.kind == "build_stopped").then_some(()))
    })
    .await
    .unwrap();
}

/// An app that is live with one push, and the deploy of that.
async fn live_app(platform: &Platform) -> (LinkedApp, e2e::deliveries::Push, Uuid) {
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let id = pushed_until(platform, &app, &push, "live").await;
    (app, push, id)
}

#[tokio::test]
async fn a_deploy_whose_build_cannot_start_is_cancelled() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let refusal = json!([{ "verb": "create", "resource": "pipelineruns" }]);
    platform.switch(json!({ "refuse": refusal })).await.unwrap();
    let id = pushed_until(&platform, &app, &app.push(), "requested").await;
    cancel(&platform, id).await;
    platform.switch(json!({ "refuse": [] })).await.unwrap();
    line_is_at_rest(&platform, app.id).await;
    assert_eq!(aftermath::builds(&platform, id), 0);
    aftermath::is_in_order(&platform, &[id]).await;
}

/// Waits until the line has nothing left to do.
async fn line_is_at_rest(platform: &Platform, app: Uuid) {
    let database = platform.database().await.unwrap();
    wait::until("the line to come to rest", PATIENCE, || async {
        let sql = "select next_step_at is null from lines where app_id = $1";
        Ok(database.query_one(sql, &[&app]).await?.get::<_, bool>(0).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_build_that_hangs_is_cancelled() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    course(&platform, &push, json!({ "build": "hang" })).await;
    let id = pushed_until(&platform, &app, &push, "building").await;
    cancel(&platform, id).await;
    build_is_stopped(&platform, id).await;
    aftermath::is_in_order(&platform, &[id]).await;
}

#[tokio::test]
async fn a_built_deploy_that_waits_for_its_turn_is_cancelled() {
    let platform = Platform::start().await.unwrap();
    let (app, live, first) = live_app(&platform).await;
    let rolling = next(&live);
    course(&platform, &rolling, json!({ "rollout": "hang" })).await;
    let second = pushed_until(&platform, &app, &rolling, "rolling_out").await;
    let third = pushed_until(&platform, &app, &next(&rolling), "built").await;
    cancel(&platform, third).await;
    cancel(&platform, second).await;
    aftermath::is_in_order(&platform, &[first, second, third]).await;
}

#[tokio::test]
async fn a_rollout_that_is_cancelled_is_put_back() {
    let platform = Platform::start().await.unwrap();
    let (app, live, first) = live_app(&platform).await;
    let image = aftermath::image(&platform, &app.name);
    let rolling = next(&live);
    course(&platform, &rolling, json!({ "rollout": "hang" })).await;
    let second = pushed_until(&platform, &app, &rolling, "rolling_out").await;
    wait::until("the image to be on the Deployment", PATIENCE, || async {
        Ok((aftermath::image(&platform, &app.name) != image).then_some(()))
    })
    .await
    .unwrap();
    cancel(&platform, second).await;
    assert_eq!(aftermath::image(&platform, &app.name), image);
    assert_eq!(aftermath::last_deploy_sha(&platform, app.id).await, Some(live.after));
    aftermath::is_in_order(&platform, &[first, second]).await;
}

#[tokio::test]
async fn a_put_back_is_not_cancelled_again() {
    // Slow steps: it takes a second until the image is back.
    let options = Options { rollout_step: Duration::from_millis(300), ..Options::default() };
    let platform = Platform::start_with(options).await.unwrap();
    let (app, live, first) = live_app(&platform).await;
    let rolling = next(&live);
    course(&platform, &rolling, json!({ "rollout": "fail" })).await;
    let second = pushed_until(&platform, &app, &rolling, "rolling_back").await;
    let answer = platform.api.cancel(second).await.unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    let (state, reason) = end_of(&platform, second).await;
    assert_eq!(state, "failed");
    assert!(reason.starts_with("rollout failed: "), "{reason}");
    aftermath::is_in_order(&platform, &[first, second]).await;
}

#[tokio::test]
async fn the_first_rollout_of_an_app_cannot_be_cancelled() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let refusal = json!([{ "verb": "create", "resource": "deployments" }]);
    platform.switch(json!({ "refuse": refusal })).await.unwrap();
    let id = pushed_until(&platform, &app, &push, "rolling_out").await;
    let answer = platform.api.cancel(id).await.unwrap();
    assert_eq!(answer.status, 409, "{answer:?}");
    let error = answer.body["error"].as_str().unwrap();
    assert!(error.contains("nothing to put back"), "{error}");
    platform.switch(json!({ "refuse": [] })).await.unwrap();
    platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
}

#[tokio::test]
async fn a_deploy_that_has_ended_cannot_be_cancelled() {
    let platform = Platform::start().await.unwrap();
    let (_, _, id) = live_app(&platform).await;
    let answer = platform.api.cancel(id).await.unwrap();
    assert_eq!(answer.status, 409, "{answer:?}");
    assert_eq!(answer.body["error"], format!("deploy {id} is not underway"));
    assert_eq!(platform.api.deploy(id).await.unwrap().state, "live");
}

#[tokio::test]
async fn a_cancelled_push_may_be_delivered_again() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    course(&platform, &push, json!({ "build": "hang" })).await;
    let first = pushed_until(&platform, &app, &push, "building").await;
    cancel(&platform, first).await;
    course(&platform, &push, json!({ "build": "succeed" })).await;
    let second = pushed_until(&platform, &app, &push, "live").await;
    assert_ne!(first, second);
    build_is_stopped(&platform, first).await;
    aftermath::is_in_order(&platform, &[first, second]).await;
}

#[tokio::test]
async fn a_build_that_a_newer_push_supersedes_is_cancelled() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    course(&platform, &push, json!({ "build": "hang" })).await;
    let first = pushed_until(&platform, &app, &push, "building").await;
    let second = pushed_until(&platform, &app, &next(&push), "live").await;
    let expected = ("superseded".to_owned(), format!("superseded by deploy {second}"));
    assert_eq!(end_of(&platform, first).await, expected);
    build_is_stopped(&platform, first).await;
    aftermath::is_in_order(&platform, &[first, second]).await;
}

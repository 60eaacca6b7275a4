//! What people ask for themselves: rollbacks, which pause auto-deploy until it is resumed, and redeploys.

use e2e::{
    deliveries::Push,
    harness::{LinkedApp, Platform},
};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::{next, pushed_until};
use crate::aftermath::{self, PATIENCE};

/// An app of which three commits went live one after the other.
async fn app_with_releases(platform: &Platform) -> (LinkedApp, [(Push, Uuid); 3]) {
    let app = platform.app("hello").await.unwrap();
    let first = app.push();
    let second = next(&first);
    let third = next(&second);
    let mut releases = Vec::new();
    for push in [first, second, third] {
        let id = pushed_until(platform, &app, &push, "live").await;
        releases.push((push, id));
    }
    (app, releases.try_into().unwrap())
}

async fn roll_back(platform: &Platform, app: &LinkedApp, to: Option<Uuid>) -> Uuid {
    let answer = platform.api.roll_back(app.id, to).await.unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    let id = answer.deploy_id().unwrap();
    platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
    id
}

/// A rollback to a release went live without another build.
async fn is_live_again(platform: &Platform, app: &LinkedApp, rollback: Uuid, to: &(Push, Uuid)) {
    let release = platform.api.deploy(to.1).await.unwrap();
    let deploy = platform.api.deploy(rollback).await.unwrap();
    assert_eq!((&deploy.sha, &deploy.image), (&to.0.after, &release.image));
    assert!(deploy.source.starts_with("rollback:"), "{}", deploy.source);
    assert_eq!(aftermath::image(platform, &app.name), release.image);
    assert_eq!(aftermath::last_deploy_sha(platform, app.id).await.as_ref(), Some(&to.0.after));
    assert_eq!(aftermath::builds(platform, rollback), 0);
}

#[tokio::test]
async fn a_rollback_without_a_target_takes_the_release_before_the_live_one() {
    let platform = Platform::start().await.unwrap();
    let (app, releases) = app_with_releases(&platform).await;
    let rollback = roll_back(&platform, &app, None).await;
    is_live_again(&platform, &app, rollback, &releases[1]).await;
    aftermath::is_in_order(&platform, &releases.map(|(_, id)| id)).await;
}

#[tokio::test]
async fn a_rollback_takes_the_release_that_is_asked_for() {
    let platform = Platform::start().await.unwrap();
    let (app, releases) = app_with_releases(&platform).await;
    let rollback = roll_back(&platform, &app, Some(releases[0].1)).await;
    is_live_again(&platform, &app, rollback, &releases[0]).await;
    aftermath::is_in_order(&platform, &releases.map(|(_, id)| id)).await;
}

#[tokio::test]
async fn a_rollback_to_what_never_was_live_or_is_live_is_refused() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let nothing = platform.api.roll_back(app.id, None).await.unwrap();
    assert_eq!(nothing.status, 409, "{nothing:?}");
    let live = pushed_until(&platform, &app, &app.push(), "live").await;
    for to in [Some(live), Some(Uuid::new_v4()), None] {
        let answer = platform.api.roll_back(app.id, to).await.unwrap();
        assert_eq!(answer.status, 409, "{to:?}: {answer:?}");
    }
}

#[tokio::test]
async fn a_rollback_pauses_auto_deploy_until_somebody_resumes_it() {
    let platform = Platform::start().await.unwrap();
    let (app, releases) = app_with_releases(&platform).await;
    roll_back(&platform, &app, None).await;

    let push = next(&releases[2].0);
    let paused = platform.push(&app, &push).await.unwrap();
    assert_eq!(paused.status, 202);
    assert_eq!(paused.body, json!({ "status": "auto_deploy disabled" }));
    let path = format!("/v1/apps/{}/resume", app.id);
    let resumed = platform.api.call(Method::POST, &path, None).await.unwrap();
    assert_eq!(resumed.status, 200, "{resumed:?}");

    let newer = next(&push);
    let id = pushed_until(&platform, &app, &newer, "live").await;
    assert_eq!(aftermath::last_deploy_sha(&platform, app.id).await, Some(newer.after));
    let mut accepted: Vec<Uuid> = releases.map(|(_, id)| id).into();
    accepted.push(id);
    aftermath::is_in_order(&platform, &accepted).await;
}

#[tokio::test]
async fn a_redeploy_builds_the_newest_commit_once_more() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let first = pushed_until(&platform, &app, &push, "live").await;
    let path = format!("/v1/apps/{}/redeploy", app.id);
    let answer = platform.api.call(Method::POST, &path, None).await.unwrap();
    assert_eq!(answer.status, 202, "{answer:?}");
    let second = answer.deploy_id().unwrap();
    assert_ne!(first, second);
    let deploy = platform.api.wait_for_state(second, "live", PATIENCE).await.unwrap();
    assert_eq!(deploy.sha, push.after);
    assert_eq!(deploy.source, format!("manual:{}", push.after));
    assert_eq!(aftermath::builds(&platform, second), 1);
    aftermath::is_in_order(&platform, &[first]).await;
}

#[tokio::test]
async fn a_redeploy_of_nothing_is_refused() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let path = format!("/v1/apps/{}/redeploy", app.id);
    let answer = platform.api.call(Method::POST, &path, None).await.unwrap();
    assert_eq!(answer.status, 409, "{answer:?}");
}

//! Pushes that stopped on their way.

use serde_json::json;

use super::{says, with_live_app};
use crate::aftermath::PATIENCE;

#[tokio::test]
async fn a_push_that_was_never_delivered_is_named() {
    let (platform, app) = with_live_app().await;
    let undelivered = json!({ "deliver": false });
    platform.forge.push_with("github", &app.repo, undelivered).await.unwrap();
    says(&platform, app.id, "head", "problem", "no delivery of").await;
}

#[tokio::test]
async fn a_deploy_that_failed_is_named_with_its_reason() {
    let (platform, app) = with_live_app().await;
    let sha = e2e::deliveries::random_sha();
    platform.switch(json!({ "commits": { &sha: { "build": "fail" } } })).await.unwrap();
    let pushed =
        platform.forge.push_with("github", &app.repo, json!({ "after": sha })).await.unwrap();
    let id = pushed.deploy_id().unwrap();
    platform.api.wait_for_state(id, "failed", PATIENCE).await.unwrap();
    says(&platform, app.id, "head", "problem", "build failed").await;
}

#[tokio::test]
async fn a_push_that_was_filtered_says_by_what() {
    let (platform, app) = with_live_app().await;
    let skipped = json!({ "commits": [{ "message": "Docs [skip ci]", "paths": ["a"] }] });
    platform.forge.push_with("github", &app.repo, skipped).await.unwrap();
    says(&platform, app.id, "head", "warning", "asks to be skipped").await;
}

#[tokio::test]
async fn auto_deploy_that_is_off_or_paused_is_named() {
    let (platform, app) = with_live_app().await;
    let first = live(&platform, app.id).await;
    let pushed = platform.forge.push("github", &app.repo).await.unwrap();
    platform.live(pushed.deploy_id().unwrap()).await.unwrap();
    let rolled_back = platform.api.roll_back(app.id, Some(first)).await.unwrap();
    platform.live(rolled_back.deploy_id().unwrap()).await.unwrap();
    says(&platform, app.id, "auto_deploy", "warning", "rollback").await;

    let off = platform.connected_app("quiet", "github", json!({ "auto_deploy_enabled": false }));
    let off = off.await.unwrap();
    platform.forge.push("github", &off.repo).await.unwrap();
    says(&platform, off.id, "auto_deploy", "warning", "switched off").await;
}

/// The deploy that is live.
async fn live(platform: &e2e::harness::Platform, app: uuid::Uuid) -> uuid::Uuid {
    let sql = "select deploy_id from releases where app_id = $1 order by number desc limit 1";
    platform.database().await.unwrap().query_one(sql, &[&app]).await.unwrap().get(0)
}

//! Pushes of which no delivery came.

use e2e::deliveries::Push;
use serde_json::json;

use super::{PROVIDERS, deploys_of, has_row, is_live, ledger, sweeping, swept, with_apps};
use crate::aftermath;

#[tokio::test]
async fn a_push_that_was_never_delivered_goes_live_by_itself() {
    let (platform, apps) = with_apps(&PROVIDERS).await;
    for app in &apps {
        platform.forge.switch(app.provider, json!({ "deliveries": "dropped" })).await.unwrap();
        let pushed = platform.forge.push(app.provider, &app.repo).await.unwrap();
        is_live(&platform, app, &pushed.after).await;
        has_row(&platform, app, &pushed.after, "sweep", "queued").await;
        swept(&platform, 2).await;
        assert_eq!(deploys_of(&platform, app, &pushed.after).await, 1, "{}", app.provider);
    }
    aftermath::is_in_order(&platform, &[]).await;
}

#[tokio::test]
async fn the_first_push_of_all_can_be_missed() {
    let platform = sweeping().await;
    platform.connect("github").await.unwrap();
    let app = platform.connected_app("hello", "github", json!({})).await.unwrap();
    let first = json!({ "deliver": false });
    let pushed = platform.forge.push_with("github", &app.repo, first).await.unwrap();
    is_live(&platform, &app, &pushed.after).await;
}

#[tokio::test]
async fn a_branch_that_goes_back_unnoticed_is_followed() {
    let (platform, apps) = with_apps(&["gitlab"]).await;
    let app = &apps[0];
    let first =
        platform.forge.repo("gitlab", &app.repo).await.unwrap().branches["main"].sha.clone();
    let second = platform.forge.push("gitlab", &app.repo).await.unwrap().after;
    is_live(&platform, app, &second).await;
    swept(&platform, 2).await;
    let back = json!({ "after": first, "deliver": false });
    platform.forge.push_with("gitlab", &app.repo, back).await.unwrap();
    is_live(&platform, app, &first).await;
    assert_eq!(deploys_of(&platform, app, &second).await, 1);
}

#[tokio::test]
async fn a_push_that_arrived_is_not_doubled() {
    let (platform, apps) = with_apps(&PROVIDERS).await;
    for app in &apps {
        let pushed = platform.forge.push(app.provider, &app.repo).await.unwrap();
        is_live(&platform, app, &pushed.after).await;
        swept(&platform, 3).await;
        let rows = ledger(&platform, app, &pushed.after).await;
        assert!(rows.iter().all(|row| row["origin"] == "webhook"), "{rows:?}");
        assert_eq!(deploys_of(&platform, app, &pushed.after).await, 1);
    }
}

#[tokio::test]
async fn a_delivery_that_comes_after_the_sweep_changes_nothing() {
    let (platform, apps) = with_apps(&["github", "forgejo"]).await;
    for app in &apps {
        let undelivered = json!({ "deliver": false });
        let pushed = platform.forge.push_with(app.provider, &app.repo, undelivered).await.unwrap();
        is_live(&platform, app, &pushed.after).await;
        let repo = platform.forge.repo(app.provider, &app.repo).await.unwrap();
        let late = Push {
            repo_id: repo.id,
            before: pushed.before,
            pushed_at: repo.pushed_at.unwrap(),
            ..app.push().of(&pushed.after)
        };
        let answer = platform.push(app, &late).await.unwrap();
        assert_eq!(
            (answer.status, answer.body["status"].as_str()),
            (202, Some("sha unchanged, skipped"))
        );
        platform.at_rest(&[], aftermath::PATIENCE).await.unwrap();
        assert_eq!(deploys_of(&platform, app, &pushed.after).await, 1, "{}", app.provider);
    }
}

#[tokio::test]
async fn a_head_that_asks_to_be_skipped_is_noted_and_not_deployed() {
    let (platform, apps) = with_apps(&["github"]).await;
    let app = &apps[0];
    let push =
        json!({ "deliver": false, "commits": [{ "message": "Docs [skip ci]", "paths": ["a"] }] });
    let pushed = platform.forge.push_with("github", &app.repo, push).await.unwrap();
    has_row(&platform, app, &pushed.after, "sweep", "skipped_by_message").await;
    swept(&platform, 2).await;
    assert_eq!(ledger(&platform, app, &pushed.after).await.len(), 1);
    assert_eq!(deploys_of(&platform, app, &pushed.after).await, 0);
}

#[tokio::test]
async fn nothing_is_taken_in_while_auto_deploy_is_off() {
    let platform = sweeping().await;
    platform.connect("github").await.unwrap();
    let off = json!({ "auto_deploy_enabled": false });
    let app = platform.connected_app("hello", "github", off).await.unwrap();
    let undelivered = json!({ "deliver": false });
    let pushed = platform.forge.push_with("github", &app.repo, undelivered).await.unwrap();
    swept(&platform, 3).await;
    assert_eq!(deploys_of(&platform, &app, &pushed.after).await, 0);
}

#[tokio::test]
async fn one_app_s_trouble_is_not_another_s() {
    let (platform, apps) = with_apps(&["github", "gitlab"]).await;
    let gone = json!({ "visible": false });
    platform.forge.change_repo("github", &apps[0].repo, gone).await.unwrap();
    let undelivered = json!({ "deliver": false });
    let pushed = platform.forge.push_with("gitlab", &apps[1].repo, undelivered).await.unwrap();
    is_live(&platform, &apps[1], &pushed.after).await;
}

#[tokio::test]
async fn a_provider_that_limits_us_is_left_alone_until_it_says() {
    let (platform, apps) = with_apps(&["github"]).await;
    let app = &apps[0];
    platform.forge.switch("github", json!({ "rate_limited_seconds": 20 })).await.unwrap();
    let undelivered = json!({ "deliver": false });
    let pushed = platform.forge.push_with("github", &app.repo, undelivered).await.unwrap();
    swept(&platform, 1).await;
    let before = platform.forge.journal().await.unwrap().len();
    swept(&platform, 2).await;
    assert_eq!(platform.forge.journal().await.unwrap().len(), before, "asked all the same");
    is_live(&platform, app, &pushed.after).await;
}

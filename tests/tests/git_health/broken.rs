//! What is wrong with the link, the connection, the webhook.

use reqwest::Method;
use serde_json::json;

use super::{check, health, says, unswept, with_live_app};

#[tokio::test]
async fn an_app_without_a_link_says_so() {
    let platform = unswept().await;
    let app = platform.api.create_app("hello").await.unwrap();
    says(&platform, app.id, "source", "problem", "not linked").await;
}

#[tokio::test]
async fn an_app_without_a_connection_says_so_and_that_nothing_ever_came() {
    let platform = unswept().await;
    let app = platform.linked_app("hello", "github", json!({})).await.unwrap();
    let health = health(&platform, app.id).await;
    assert_eq!(check(&health, "connection")["state"], "warning");
    assert_eq!(check(&health, "webhook")["state"], "warning");
    assert!(check(&health, "webhook")["message"].as_str().unwrap().contains(&app.id.to_string()));
    assert_eq!(check(&health, "deliveries")["state"], "problem");
    assert_eq!(health["healthy"], false);
}

#[tokio::test]
async fn what_became_of_the_repository_is_named() {
    let (platform, app) = with_live_app().await;
    let is = |change| platform.forge.change_repo("github", &app.repo, change);
    is(json!({ "id": 987_654 })).await.unwrap();
    says(&platform, app.id, "repository", "problem", "another repository").await;
    is(json!({ "visible": false })).await.unwrap();
    says(&platform, app.id, "repository", "problem", "no repository octo/hello").await;
}

#[tokio::test]
async fn a_repository_that_was_renamed_is_named() {
    let (platform, app) = with_live_app().await;
    let renamed = json!({ "rename": "octo/goodbye" });
    platform.forge.change_repo("github", &app.repo, renamed).await.unwrap();
    let health = health(&platform, app.id).await;
    let found = check(&health, "repository")["message"].as_str().unwrap();
    assert!(found.contains("renamed or moved"), "{health:#}");
    assert_eq!(health["healthy"], false);
}

#[tokio::test]
async fn a_branch_that_is_not_there_is_named() {
    let (platform, app) = with_live_app().await;
    let deleted = json!({ "after": "0".repeat(40) });
    platform.forge.push_with("github", &app.repo, deleted).await.unwrap();
    let health = health(&platform, app.id).await;
    let found = check(&health, "branch");
    assert_eq!(found["state"], "problem");
    assert!(found["message"].as_str().unwrap().contains("no branch main"), "{health:#}");
}

#[tokio::test]
async fn what_is_wrong_with_the_webhook_is_named() {
    let (platform, app) = with_live_app().await;
    let url = platform.forge.hook("github", &app.repo).await.unwrap().url;
    for (change, state, words) in [
        (json!({ "active": false }), "problem", "disabled the webhook"),
        (json!({ "active": true, "events": ["issues"] }), "problem", "not sent pushes"),
        (json!({ "events": ["push"], "url": "https://old.example/x" }), "problem", "old.example"),
        (json!({ "url": url, "content_type": "form" }), "warning", "not JSON"),
        (json!({ "content_type": "json", "verifies_tls": false }), "warning", "certificate"),
    ] {
        platform.forge.change_hooks("github", &app.repo, change).await.unwrap();
        says(&platform, app.id, "webhook", state, words).await;
    }
    platform.forge.remove_hooks("github", &app.repo).await.unwrap();
    says(&platform, app.id, "webhook", "problem", "gone").await;
}

#[tokio::test]
async fn a_webhook_that_gitlab_disabled_is_named() {
    let platform = unswept().await;
    platform.connect("gitlab").await.unwrap();
    let app = platform.connected_app("hello", "gitlab", json!({})).await.unwrap();
    platform.forge.change_hooks("gitlab", &app.repo, json!({ "disabled": true })).await.unwrap();
    let health = health(&platform, app.id).await;
    let found = check(&health, "webhook");
    assert!(found["message"].as_str().unwrap().contains("GitLab has disabled"), "{health:#}");
}

#[tokio::test]
async fn another_secret_and_an_unreachable_platform_are_named() {
    let (platform, app) = with_live_app().await;
    let other = json!({ "secret": "not the app's" });
    platform.forge.change_hooks("github", &app.repo, other).await.unwrap();
    platform.forge.push("github", &app.repo).await.unwrap();
    says(&platform, app.id, "deliveries", "problem", "another secret").await;
    platform.forge.switch("github", json!({ "deliveries": "failed" })).await.unwrap();
    platform.forge.push("github", &app.repo).await.unwrap();
    says(&platform, app.id, "deliveries", "problem", "failed to connect").await;
}

#[tokio::test]
async fn a_credential_that_was_revoked_is_named() {
    let (platform, app) = with_live_app().await;
    platform.forge.revoke("github").await.unwrap();
    says(&platform, app.id, "connection", "problem", "refuses the credential").await;
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_named_and_nothing_is_claimed() {
    let (platform, app) = with_live_app().await;
    platform.forge.switch("github", json!({ "down": true })).await.unwrap();
    says(&platform, app.id, "repository", "unknown", "does not answer").await;
}

#[tokio::test]
async fn a_registration_that_is_unfinished_says_why() {
    let platform = unswept().await;
    platform.connect("github").await.unwrap();
    platform.forge.create_repo("github", "octo/hello").await.unwrap();
    platform.forge.switch("github", json!({ "hook_limit": 0 })).await.unwrap();
    let app = platform.api.create_app("hello").await.unwrap();
    let link = json!({ "provider": "github", "repo_full_name": "octo/hello" });
    let path = format!("/v1/apps/{}/git/source", app.id);
    let answer = platform.api.call(Method::PUT, &path, Some(link)).await.unwrap();
    assert_eq!(answer.status, 409, "{answer:?}");
    says(&platform, app.id, "webhook", "problem", "as many webhooks as").await;
}

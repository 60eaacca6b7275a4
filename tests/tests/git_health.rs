//! `GET /v1/apps/{app_id}/git/health`: set-ups that are broken, each in one way, and the cause that is named.

mod broken;
mod stopped;

use e2e::{
    harness::{LinkedApp, Options, Platform},
    wait,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::aftermath::{self, PATIENCE};

/// A platform with providers on which nobody repairs anything.
async fn unswept() -> Platform {
    let ingress_env = vec![("SWEEP_SECONDS", "0".to_owned())];
    let options = Options { forge: true, ingress_env, ..Options::default() };
    Platform::start_with(options).await.unwrap()
}

/// The same with an app of GitHub's, on which a first commit is live.
async fn with_live_app() -> (Platform, LinkedApp) {
    let platform = unswept().await;
    platform.connect("github").await.unwrap();
    let app = platform.connected_app("hello", "github", json!({})).await.unwrap();
    let pushed = platform.forge.push("github", &app.repo).await.unwrap();
    wait::until("the first commit to be live", PATIENCE, || async {
        Ok((aftermath::last_deploy_sha(&platform, app.id).await == Some(pushed.after.clone()))
            .then_some(()))
    })
    .await
    .unwrap();
    (platform, app)
}

async fn health(platform: &Platform, app: Uuid) -> Value {
    let path = format!("/v1/apps/{app}/git/health");
    let answer = platform.api.call(Method::GET, &path, None).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

/// One check of an answer.
fn check<'a>(health: &'a Value, name: &str) -> &'a Value {
    let checks = health["checks"].as_array().unwrap();
    checks.iter().find(|check| check["check"] == name).unwrap_or_else(|| panic!("{health}"))
}

/// The check comes to have this state and to say this, and what to do. (The ledger is written a moment after the answer.)
async fn says(platform: &Platform, app: Uuid, name: &str, state: &str, words: &str) {
    let waited = wait::until(words, PATIENCE, || async {
        let health = health(platform, app).await;
        let check = check(&health, name);
        let is_said = check["message"].as_str().unwrap().contains(words);
        let has_fix = state == "unknown" || check["fix"].is_string();
        let is_healthy = health["healthy"] == (state == "warning");
        Ok((check["state"] == state && is_said && has_fix && is_healthy).then_some(()))
    });
    let is_said = waited.await.is_ok();
    assert!(is_said, "not {state}, {words}: {:#}", health(platform, app).await);
}

#[tokio::test]
async fn an_app_whose_head_is_live_is_healthy() {
    let (platform, app) = with_live_app().await;
    let health = health(&platform, app.id).await;
    assert_eq!(health["healthy"], true, "{health:#}");
    for check in health["checks"].as_array().unwrap() {
        assert_eq!(check["state"], "ok", "{health:#}");
    }
}

#[tokio::test]
async fn an_app_of_nobody_s_is_not_found() {
    let platform = unswept().await;
    let path = format!("/v1/apps/{}/git/health", Uuid::new_v4());
    let answer = platform.api.call(Method::GET, &path, None).await.unwrap();
    assert_eq!(answer.status, 404);
}

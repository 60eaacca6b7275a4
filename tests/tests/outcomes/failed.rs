//! Builds and rollouts that fail.

use e2e::harness::{LinkedApp, Platform};
use reqwest::{Client, header::CONTENT_TYPE};
use serde_json::{Value, json};

use super::{course, end_of, next, pushed_until};
use crate::aftermath;

#[tokio::test]
async fn a_failed_build_fails_the_deploy_and_touches_no_deployment() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    course(&platform, &push, json!({ "build": "fail" })).await;
    let id = platform.accepted(&app, &push).await.unwrap();
    let (state, reason) = end_of(&platform, id).await;
    assert_eq!(state, "failed");
    assert!(reason.starts_with("build failed: ") && reason.contains("Failed: 1"), "{reason}");
    assert_eq!(aftermath::image(&platform, &app.name), None);
    assert_eq!(aftermath::last_deploy_sha(&platform, app.id).await, None);
    aftermath::is_in_order(&platform, &[id]).await;
}

#[tokio::test]
async fn a_push_after_a_failed_build_goes_live() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let bad = app.push();
    course(&platform, &bad, json!({ "build": "fail" })).await;
    let failed = pushed_until(&platform, &app, &bad, "failed").await;
    let live = pushed_until(&platform, &app, &next(&bad), "live").await;
    aftermath::is_in_order(&platform, &[failed, live]).await;
}

#[tokio::test]
async fn a_redelivery_of_a_failed_push_is_another_attempt() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    course(&platform, &push, json!({ "build": "fail" })).await;
    let first = pushed_until(&platform, &app, &push, "failed").await;
    course(&platform, &push, json!({ "build": "succeed" })).await;
    let second = pushed_until(&platform, &app, &push, "live").await;
    assert_ne!(first, second);
    aftermath::is_in_order(&platform, &[first, second]).await;
}

#[tokio::test]
async fn a_build_without_a_digest_fails_the_deploy() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    course(&platform, &push, json!({ "missing_digest": true })).await;
    let id = platform.accepted(&app, &push).await.unwrap();
    let (state, reason) = end_of(&platform, id).await;
    assert_eq!(state, "failed");
    assert_eq!(reason, "build failed: the run succeeded without a valid `image-digest` result");
    assert_eq!(aftermath::image(&platform, &app.name), None);
}

#[tokio::test]
async fn a_first_rollout_that_fails_has_nothing_to_put_back() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    course(&platform, &push, json!({ "rollout": "fail" })).await;
    let id = platform.accepted(&app, &push).await.unwrap();
    let (state, reason) = end_of(&platform, id).await;
    assert_eq!(state, "failed");
    assert!(reason.starts_with("rollout failed: "), "{reason}");
    assert_eq!(aftermath::rollouts(&platform, &app.name).len(), 1);
    assert_eq!(aftermath::last_deploy_sha(&platform, app.id).await, None);
    aftermath::is_in_order(&platform, &[id]).await;
}

#[tokio::test]
async fn a_rollout_that_fails_is_put_back() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let good = app.push();
    let bad = next(&good);
    course(&platform, &bad, json!({ "rollout": "fail" })).await;
    let first = pushed_until(&platform, &app, &good, "live").await;
    let second = platform.accepted(&app, &bad).await.unwrap();
    let (state, reason) = end_of(&platform, second).await;
    assert_eq!(state, "failed");
    assert!(reason.starts_with("rollout failed: "), "{reason}");
    assert!(reason.contains("progress"), "{reason}");

    let writes = aftermath::rollouts(&platform, &app.name);
    let [live, tried, put_back] = writes.as_slice() else { panic!("{} writes", writes.len()) };
    assert_ne!(tried.image(), live.image());
    assert_eq!(put_back.image(), live.image());
    assert!(live.generation() < tried.generation());
    assert!(tried.generation() < put_back.generation());
    assert_eq!(aftermath::last_deploy_sha(&platform, app.id).await, Some(good.after));
    let kinds: Vec<_> = platform.api.deploy(second).await.unwrap().events;
    assert!(kinds.iter().any(|event| event.kind == "put_back_started"), "{kinds:?}");
    aftermath::is_in_order(&platform, &[first, second]).await;
}

/// Somebody else sets the image by force, as `kubectl apply --server-side --force-conflicts` would.
async fn seize_image(platform: &Platform, app: &LinkedApp) {
    let kubeconfig = std::fs::read_to_string(&platform.wiring().kubeconfig).unwrap();
    let kubeconfig: Value = serde_json::from_str(&kubeconfig).unwrap();
    let url = format!(
        "http://{}/apis/apps/v1/namespaces/paas-apps/deployments/{}?fieldManager=somebody&force=true",
        platform.cluster.address(),
        app.name
    );
    let image = "registry.example.com/theirs@sha256:".to_owned() + &"7".repeat(64);
    let body = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": { "name": app.name },
        "spec": { "template": { "spec": { "containers": [{ "name": "app", "image": image }] } } },
    });
    let client: Client = e2e::api::http_client().unwrap();
    let request = client
        .patch(url)
        .bearer_auth(kubeconfig["users"][0]["user"]["token"].as_str().unwrap())
        .header(CONTENT_TYPE, "application/apply-patch+yaml")
        .body(body.to_string());
    request.send().await.unwrap().error_for_status().unwrap();
}

#[tokio::test]
async fn an_image_that_somebody_else_holds_is_left_to_them_and_they_are_named() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let first = app.push();
    let second = next(&first);
    pushed_until(&platform, &app, &first, "live").await;
    pushed_until(&platform, &app, &second, "live").await;
    seize_image(&platform, &app).await;

    let third = platform.accepted(&app, &next(&second)).await.unwrap();
    let (state, reason) = end_of(&platform, third).await;
    assert_eq!(state, "failed");
    assert!(reason.contains("\"somebody\"") && reason.contains("image"), "{reason}");
    let theirs = aftermath::image(&platform, &app.name).unwrap();
    assert!(theirs.starts_with("registry.example.com/theirs"), "{theirs}");
    assert_eq!(aftermath::last_deploy_sha(&platform, app.id).await, Some(second.after));
    // Neither could the image be put back, which is told, too.
    assert!(reason.starts_with("put back failed: ") && reason.contains("; then: "), "{reason}");
}

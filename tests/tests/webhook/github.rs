//! GitHub's rows of the table.

use e2e::deliveries::{NO_COMMIT, github_event, github_ping};
use e2e::harness::Platform;
use serde_json::json;

use super::{app_of, delivered, expect, expect_queued, expect_status, ingress_alone, stored};

#[tokio::test]
async fn a_push_is_queued() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let push = app.push();
    expect_queued(&platform, &app, &app.delivery(&push), &push.after).await;
}

#[tokio::test]
async fn the_same_delivery_again_gives_the_same_deploy_and_is_stored_once() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let delivery = app.delivery(&app.push());
    let first = delivered(&platform, &app, &delivery).await;
    assert!(first.deploy_id().is_some());
    assert_eq!(delivered(&platform, &app, &delivery).await, first);
    assert_eq!(stored(&platform).await.len(), 1);
}

#[tokio::test]
async fn a_ping_is_answered() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    expect(&platform, &app, &github_ping(&app.secret), 200, json!({ "ping": "ok" })).await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn an_event_that_is_no_push_is_ignored() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let ignored = json!({ "status": "non-push event ignored" });
    for event in ["pull_request", "issues", "create", "delete", "release", "workflow_run"] {
        let delivery = github_event(event, &app.push().github_body(), &app.secret);
        expect(&platform, &app, &delivery, 200, ignored.clone()).await;
    }
    let nameless = app.delivery(&app.push()).without_header("x-github-event");
    expect(&platform, &app, &nameless, 200, ignored).await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_push_to_another_branch_triggers_nothing() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    for branch in ["dev", "Main", "main/x", "x/main", "refs/heads/main"] {
        let delivery = app.delivery(&app.push().to_branch(branch));
        expect_status(&platform, &app, &delivery, "branch mismatch, no deploy triggered").await;
    }
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_configured_branch_may_have_slashes() {
    let platform = ingress_alone().await;
    let branch = json!({ "branch": "release/2026/käse" });
    let app = platform.linked_app("branchy", "github", branch).await.unwrap();
    let push = app.push().to_branch("release/2026/käse");
    expect_queued(&platform, &app, &app.delivery(&push), &push.after).await;
}

#[tokio::test]
async fn a_push_while_auto_deploy_is_disabled_is_skipped() {
    let platform = ingress_alone().await;
    let off = json!({ "auto_deploy_enabled": false });
    let app = platform.linked_app("off", "github", off).await.unwrap();
    let delivery = app.delivery(&app.push());
    expect_status(&platform, &app, &delivery, "auto_deploy disabled").await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_push_of_the_live_commit_is_skipped() {
    let platform = Platform::start().await.unwrap();
    let app = app_of(&platform, "github").await;
    let push = app.push();
    let live = platform.accepted(&app, &push).await.unwrap();
    platform.live(live).await.unwrap();
    let again = app.delivery(&push.then(&push.after));
    expect_status(&platform, &app, &again, "sha unchanged, skipped").await;
}

#[tokio::test]
async fn a_deleted_branch_triggers_nothing() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let deleted = "branch deleted, no deploy triggered";
    for zeros in [NO_COMMIT.to_owned(), "0".repeat(64)] {
        let delivery = app.delivery(&app.push().of(&zeros));
        expect_status(&platform, &app, &delivery, deleted).await;
        let mut silent = app.push().of(&zeros).github_body();
        silent.as_object_mut().unwrap().remove("deleted");
        let delivery = github_event("push", &silent, &app.secret);
        expect_status(&platform, &app, &delivery, deleted).await;
    }
    let mut flagged = app.push().github_body();
    flagged["deleted"] = true.into();
    let delivery = github_event("push", &flagged, &app.secret);
    expect_status(&platform, &app, &delivery, deleted).await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_push_of_another_repository_triggers_nothing() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let mut push = app.push();
    "octo/other".clone_into(&mut push.repo);
    let delivery = app.delivery(&push);
    expect_status(&platform, &app, &delivery, "repository mismatch, no deploy triggered").await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn an_authentic_body_that_is_no_push_is_malformed() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let push = app.delivery(&app.push());
    let half = push.body.slice(..push.body.len() / 2);
    let mut without_after = app.push().github_body();
    without_after.as_object_mut().unwrap().remove("after");
    let mut odd_after = app.push().github_body();
    odd_after["after"] = "main".into();
    let mut without_repository = app.push().github_body();
    without_repository.as_object_mut().unwrap().remove("repository");
    let bodies = [
        "".into(),
        "{".into(),
        "[]".into(),
        "null".into(),
        "{}".into(),
        "\u{feff}{}".into(),
        half,
        without_after.to_string().into(),
        odd_after.to_string().into(),
        without_repository.to_string().into(),
    ];
    for body in bodies {
        let delivery = push.clone().with_signed_body(body, &app.secret);
        expect(&platform, &app, &delivery, 400, json!({ "error": "malformed JSON" })).await;
    }
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_content_type_that_is_neither_json_nor_a_form_is_unsupported() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let push = app.delivery(&app.push());
    let unsupported = json!({ "error": "unsupported content type" });
    for content_type in ["text/plain", "multipart/form-data; boundary=x", "application/xml", "json"]
    {
        let delivery = push.clone().with_header("content-type", content_type);
        expect(&platform, &app, &delivery, 415, unsupported.clone()).await;
    }
    let untyped = push.clone().without_header("content-type");
    expect(&platform, &app, &untyped, 415, unsupported.clone()).await;
    let compressed = push.with_header("content-encoding", "gzip");
    expect(&platform, &app, &compressed, 415, unsupported).await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn json_may_say_its_charset() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let push = app.push();
    let content_type = "Application/JSON; charset=utf-8";
    let delivery = app.delivery(&push).with_header("content-type", content_type);
    expect_queued(&platform, &app, &delivery, &push.after).await;
}

#[tokio::test]
async fn an_app_without_a_github_source_is_not_found() {
    let platform = ingress_alone().await;
    let gitlab = app_of(&platform, "gitlab").await;
    let delivery = gitlab.push().github(&gitlab.secret);
    let missing = json!({ "error": "no github source for this app" });
    expect(&platform, &gitlab, &delivery, 404, missing.clone()).await;
    let unlinked = platform.api.create_app("unlinked").await.unwrap().id;
    for app in [unlinked.to_string(), uuid::Uuid::new_v4().to_string(), "hello".to_owned()] {
        let url = format!("{}/v1/webhooks/github/{app}", platform.api.url());
        let http = e2e::api::http_client().unwrap();
        let answer = e2e::api::send(&http, &url, &delivery).await.unwrap();
        assert_eq!((answer.status, &answer.body), (404, &missing), "{app}");
    }
    assert!(stored(&platform).await.is_empty());
}

//! GitLab's rows of the table.

use bytes::Bytes;
use e2e::{
    deliveries::{Delivery, NO_COMMIT, gitlab_event},
    harness::Platform,
};
use serde_json::json;

use super::{app_of, delivered, expect, expect_queued, expect_status, ingress_alone, stored};

#[tokio::test]
async fn a_push_is_queued() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "gitlab").await;
    let push = app.push();
    expect_queued(&platform, &app, &app.delivery(&push), &push.after).await;
}

#[tokio::test]
async fn the_same_delivery_again_gives_the_same_deploy_and_is_stored_once() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "gitlab").await;
    let delivery = app.delivery(&app.push());
    let first = delivered(&platform, &app, &delivery).await;
    assert!(first.deploy_id().is_some());
    assert_eq!(delivered(&platform, &app, &delivery).await, first);
    assert_eq!(stored(&platform).await.len(), 1);
}

#[tokio::test]
async fn an_event_that_is_no_push_is_ignored() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "gitlab").await;
    let ignored = json!({ "status": "non-push event ignored" });
    // A system hook's push lists no commits, and its secret is the instance's.
    let events = [
        "Tag Push Hook",
        "Merge Request Hook",
        "Issue Hook",
        "Note Hook",
        "Pipeline Hook",
        "System Hook",
    ];
    for event in events {
        let delivery = gitlab_event(event, &app.push().gitlab_body(), &app.secret);
        expect(&platform, &app, &delivery, 200, ignored.clone()).await;
    }
    let nameless = app.delivery(&app.push()).without_header("x-gitlab-event");
    expect(&platform, &app, &nameless, 200, ignored).await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_push_to_another_branch_triggers_nothing() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "gitlab").await;
    for branch in ["dev", "Main", "main/x", "x/main", "refs/heads/main"] {
        let delivery = app.delivery(&app.push().to_branch(branch));
        expect_status(&platform, &app, &delivery, "branch mismatch, no deploy triggered").await;
    }
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_push_while_auto_deploy_is_disabled_is_skipped() {
    let platform = ingress_alone().await;
    let off = json!({ "auto_deploy_enabled": false });
    let app = platform.linked_app("off", "gitlab", off).await.unwrap();
    let delivery = app.delivery(&app.push());
    expect_status(&platform, &app, &delivery, "auto_deploy disabled").await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_push_of_the_live_commit_is_skipped() {
    let platform = Platform::start().await.unwrap();
    let app = app_of(&platform, "gitlab").await;
    let push = app.push();
    let live = platform.accepted(&app, &push).await.unwrap();
    platform.live(live).await.unwrap();
    // The "Test" button sends a sample push of a real commit.
    let sample = app.delivery(&push.then(&push.after));
    expect_status(&platform, &app, &sample, "sha unchanged, skipped").await;
}

#[tokio::test]
async fn a_deleted_branch_triggers_nothing() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "gitlab").await;
    for zeros in [NO_COMMIT.to_owned(), "0".repeat(64)] {
        let mut body = app.push().of(&zeros).gitlab_body();
        body["checkout_sha"] = json!(null);
        let delivery = gitlab_event("Push Hook", &body, &app.secret);
        expect_status(&platform, &app, &delivery, "branch deleted, no deploy triggered").await;
    }
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_push_of_another_project_triggers_nothing() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "gitlab").await;
    let mut push = app.push();
    "octo/other".clone_into(&mut push.repo);
    let delivery = app.delivery(&push);
    expect_status(&platform, &app, &delivery, "repository mismatch, no deploy triggered").await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_project_may_be_in_a_subgroup() {
    let platform = ingress_alone().await;
    let name = json!({ "repo_full_name": "group/sub/deeper/app" });
    let mut app = platform.linked_app("nested", "gitlab", name).await.unwrap();
    "group/sub/deeper/app".clone_into(&mut app.repo);
    let push = app.push();
    expect_queued(&platform, &app, &app.delivery(&push), &push.after).await;
}

#[tokio::test]
async fn an_authentic_body_that_is_no_push_is_malformed() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "gitlab").await;
    let push = app.delivery(&app.push());
    let mut tag = app.push().gitlab_body();
    tag["object_kind"] = "tag_push".into();
    let mut without_project = app.push().gitlab_body();
    without_project.as_object_mut().unwrap().remove("project");
    let bodies: [Bytes; 8] = [
        "".into(),
        "{".into(),
        "[]".into(),
        // A custom webhook template of somebody's own.
        r#"{"text":"pushed"}"#.into(),
        push.body.slice(..push.body.len() / 2),
        Bytes::from_static(b"\xff\xfe"),
        tag.to_string().into(),
        without_project.to_string().into(),
    ];
    for body in bodies {
        let delivery = Delivery { body, ..push.clone() };
        expect(&platform, &app, &delivery, 400, json!({ "error": "malformed JSON" })).await;
    }
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn only_json_is_supported() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "gitlab").await;
    let push = app.delivery(&app.push());
    let unsupported = json!({ "error": "unsupported content type" });
    for content_type in ["text/plain", "application/x-www-form-urlencoded", "application/xml"] {
        let delivery = push.clone().with_header("content-type", content_type);
        expect(&platform, &app, &delivery, 415, unsupported.clone()).await;
    }
    let untyped = push.without_header("content-type");
    expect(&platform, &app, &untyped, 415, unsupported).await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn an_app_without_a_gitlab_source_is_not_found() {
    let platform = ingress_alone().await;
    let github = app_of(&platform, "github").await;
    let delivery = github.push().gitlab(&github.secret);
    let missing = json!({ "error": "no gitlab source for this app" });
    expect(&platform, &github, &delivery, 404, missing.clone()).await;
    let unlinked = platform.api.create_app("unlinked").await.unwrap().id;
    for app in [unlinked.to_string(), uuid::Uuid::new_v4().to_string(), "hello".to_owned()] {
        let url = format!("{}/v1/webhooks/gitlab/{app}", platform.api.url());
        let http = e2e::api::http_client().unwrap();
        let answer = e2e::api::send(&http, &url, &delivery).await.unwrap();
        assert_eq!((answer.status, &answer.body), (404, &missing), "{app}");
    }
    assert!(stored(&platform).await.is_empty());
}

//! Forgejo's rows of the table, and Gitea's.

use e2e::{
    deliveries::{Delivery, NO_COMMIT, forgejo_event, github_signature},
    harness::{LinkedApp, Platform},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{delivered, expect, expect_queued, expect_status, ingress_alone, stored};

async fn app_of(platform: &Platform) -> LinkedApp {
    linked(platform, json!({})).await
}

async fn linked(platform: &Platform, mut settings: Value) -> LinkedApp {
    settings["clone_url"] = "https://code.example.com/octo/on-forgejo.git".into();
    platform.linked_app("on-forgejo", "forgejo", settings).await.unwrap()
}

/// Of this body, signed in every way that Forgejo signs.
fn event(app: &LinkedApp, name: &str, body: &Value) -> Delivery {
    forgejo_event(name, body, &app.secret, Uuid::new_v4())
}

/// Signed with this header alone.
fn signed_only(app: &LinkedApp, header: &str) -> Delivery {
    let delivery = app.delivery(&app.push());
    let value = delivery.headers[header].clone();
    unsigned(delivery).with_header(header, &value)
}

fn unsigned(delivery: Delivery) -> Delivery {
    let names =
        ["x-forgejo-signature", "x-gitea-signature", "x-gogs-signature", "x-hub-signature-256"];
    names.into_iter().fold(delivery, Delivery::without_header)
}

#[tokio::test]
async fn a_push_is_queued_whichever_header_signs_it() {
    let platform = ingress_alone().await;
    let app = app_of(&platform).await;
    let push = app.push();
    expect_queued(&platform, &app, &app.delivery(&push), &push.after).await;
    for header in ["x-forgejo-signature", "x-gitea-signature", "x-hub-signature-256"] {
        let answer = delivered(&platform, &app, &signed_only(&app, header)).await;
        assert!(answer.deploy_id().is_some(), "{header}: {answer:?}");
    }
    let stored = stored(&platform).await;
    assert_eq!(stored.len(), 4);
}

#[tokio::test]
async fn gitea_names_its_event_otherwise() {
    let platform = ingress_alone().await;
    let app = app_of(&platform).await;
    for names in [&["x-forgejo-event"][..], &["x-forgejo-event", "x-gitea-event"]] {
        let push = app.push();
        let delivery = names.iter().fold(app.delivery(&push), |it, name| it.without_header(name));
        expect_queued(&platform, &app, &delivery, &push.after).await;
    }
}

#[tokio::test]
async fn the_same_body_again_gives_the_same_deploy_whatever_its_headers_say() {
    let platform = ingress_alone().await;
    let app = app_of(&platform).await;
    let delivery = app.delivery(&app.push());
    let first = delivered(&platform, &app, &delivery).await;
    assert!(first.deploy_id().is_some());
    let again = delivery.with_header("x-forgejo-delivery", &Uuid::new_v4().to_string());
    assert_eq!(delivered(&platform, &app, &again).await, first);
    assert_eq!(stored(&platform).await.len(), 1);
}

#[tokio::test]
async fn a_form_is_taken_with_the_signature_of_its_json() {
    let platform = ingress_alone().await;
    let app = app_of(&platform).await;
    let push = app.push();
    let json = app.delivery(&push);
    let form = json.clone().as_form("not the secret");
    // Forgejo signs the JSON.
    let form = json
        .headers
        .iter()
        .filter(|(name, _)| name.ends_with("-signature"))
        .fold(form.without_header("x-hub-signature-256"), |form, (name, value)| {
            form.with_header(name, value)
        });
    expect_queued(&platform, &app, &form, &push.after).await;
    let other = form.with_header("x-forgejo-signature", &"0".repeat(64));
    expect(&platform, &app, &other, 401, json!({ "error": "invalid signature" })).await;
}

#[tokio::test]
async fn what_is_not_signed_or_not_by_the_secret_is_refused() {
    let platform = ingress_alone().await;
    let app = app_of(&platform).await;
    let push = app.delivery(&app.push());
    let missing = json!({ "error": "missing X-Forgejo-Signature" });
    let none = unsigned(push.clone());
    expect(&platform, &app, &none, 401, missing.clone()).await;
    let empty = none.clone().with_header("x-forgejo-signature", "");
    expect(&platform, &app, &empty, 401, missing).await;
    let hex = github_signature("another secret", &push.body);
    let hex = hex.trim_start_matches("sha256=");
    let invalid = json!({ "error": "invalid signature" });
    for wrong in [hex, "zz", &hex[1..], &"0".repeat(64)] {
        // Nothing falls back to the good ones beside it.
        let delivery = push.clone().with_header("x-forgejo-signature", wrong);
        expect(&platform, &app, &delivery, 401, invalid.clone()).await;
        let gitea = none.clone().with_header("x-gitea-signature", wrong);
        expect(&platform, &app, &gitea, 401, invalid.clone()).await;
    }
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn an_event_that_is_no_push_is_ignored() {
    let platform = ingress_alone().await;
    let app = app_of(&platform).await;
    let ignored = json!({ "status": "non-push event ignored" });
    for name in ["create", "delete", "pull_request", "issues", "release", "ping"] {
        let delivery = event(&app, name, &app.push().forgejo_body());
        expect(&platform, &app, &delivery, 200, ignored.clone()).await;
    }
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn what_is_not_to_be_deployed_is_not() {
    let platform = ingress_alone().await;
    let app = app_of(&platform).await;
    let elsewhere = app.delivery(&app.push().to_branch("dev"));
    expect_status(&platform, &app, &elsewhere, "branch mismatch, no deploy triggered").await;
    let mut tag = app.push();
    "refs/tags/main".clone_into(&mut tag.reference);
    let tag = app.delivery(&tag);
    expect_status(&platform, &app, &tag, "branch mismatch, no deploy triggered").await;
    for zeros in [NO_COMMIT.to_owned(), "0".repeat(64)] {
        let deleted = app.delivery(&app.push().of(&zeros));
        expect_status(&platform, &app, &deleted, "branch deleted, no deploy triggered").await;
    }
    let mut other = app.push();
    "octo/other".clone_into(&mut other.repo);
    let other = app.delivery(&other);
    expect_status(&platform, &app, &other, "repository mismatch, no deploy triggered").await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_push_while_auto_deploy_is_disabled_is_skipped() {
    let platform = ingress_alone().await;
    let app = linked(&platform, json!({ "auto_deploy_enabled": false })).await;
    let delivery = app.delivery(&app.push());
    expect_status(&platform, &app, &delivery, "auto_deploy disabled").await;
}

#[tokio::test]
async fn a_push_goes_live_and_its_commit_is_then_skipped() {
    let platform = Platform::start().await.unwrap();
    let app = app_of(&platform).await;
    let push = app.push();
    let deploy = platform.accepted(&app, &push).await.unwrap();
    let live = platform.live(deploy).await.unwrap();
    assert_eq!(live.source, format!("forgejo_webhook:{}", push.after));
    // So looks the delivery of "Test delivery", too.
    let again = app.delivery(&push.then(&push.after));
    expect_status(&platform, &app, &again, "sha unchanged, skipped").await;
}

#[tokio::test]
async fn an_authentic_body_that_is_no_push_is_refused() {
    let platform = ingress_alone().await;
    let app = app_of(&platform).await;
    let mut without_after = app.push().forgejo_body();
    without_after.as_object_mut().unwrap().remove("after");
    for body in [json!([]), Value::Null, json!({}), without_after] {
        let delivery = event(&app, "push", &body);
        expect(&platform, &app, &delivery, 400, json!({ "error": "malformed JSON" })).await;
    }
    let odd = app.delivery(&app.push()).with_header("content-type", "text/plain");
    expect(&platform, &app, &odd, 415, json!({ "error": "unsupported content type" })).await;
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn an_app_without_a_forgejo_source_is_not_found() {
    let platform = ingress_alone().await;
    let github = super::app_of(&platform, "github").await;
    let delivery = github.push().forgejo(&github.secret);
    let missing = json!({ "error": "no forgejo source for this app" });
    expect(&platform, &github, &delivery, 404, missing).await;
}

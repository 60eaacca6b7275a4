//! The order of the checks, seen from deliveries that fail two of them: the earlier one answers.

use e2e::{
    api::Answer,
    deliveries::{Delivery, NO_COMMIT, Push, github_event, gitlab_event},
    harness::{LinkedApp, Platform},
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PROVIDERS, app_of, expect, expect_status, ingress_alone};

/// A delivery of these bytes that is authentic.
fn authentic(app: &LinkedApp, event: &str, body: &'static str) -> Delivery {
    match app.provider {
        "gitlab" => {
            let delivery = gitlab_event(event, &Value::Null, &app.secret);
            Delivery { body: body.into(), ..delivery }
        }
        _ => github_event(event, &Value::Null, &app.secret).with_signed_body(body, &app.secret),
    }
}

fn push_event(app: &LinkedApp) -> &'static str {
    if app.provider == "gitlab" { "Push Hook" } else { "push" }
}

/// Spoils what makes a delivery authentic.
fn forged(delivery: Delivery) -> Delivery {
    let signature = format!("sha256={}", "0".repeat(64));
    match delivery.provider.as_str() {
        "gitlab" => delivery.with_header("x-gitlab-token", "wrong"),
        _ => delivery.with_header("x-hub-signature-256", &signature),
    }
}

fn not_authentic(app: &LinkedApp) -> Value {
    let gitlab = app.provider == "gitlab";
    json!({ "error": if gitlab { "invalid X-Gitlab-Token" } else { "invalid signature" } })
}

fn elsewhere(push: Push) -> Push {
    Push { repo: "octo/other".to_owned(), ..push }
}

#[tokio::test]
async fn an_unknown_app_comes_before_the_signature() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let delivery = forged(app.delivery(&app.push()));
        let unknown = Uuid::new_v4();
        let answer = platform.api.deliver(unknown, &delivery).await.unwrap();
        let body = json!({ "error": format!("no {provider} source for this app") });
        assert_eq!(answer, Answer { status: 404, body, retry_after: None });
    }
}

#[tokio::test]
async fn the_signature_comes_before_the_kind_of_event() {
    let platform = ingress_alone().await;
    let (github, gitlab) = (app_of(&platform, "github").await, app_of(&platform, "gitlab").await);
    for (app, event) in [(&github, "ping"), (&github, "issues"), (&gitlab, "Issue Hook")] {
        let delivery = forged(authentic(app, event, "{}"));
        expect(&platform, app, &delivery, 401, not_authentic(app)).await;
    }
}

#[tokio::test]
async fn the_signature_comes_before_content_type_and_json() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let malformed = forged(authentic(&app, push_event(&app), "{"));
        expect(&platform, &app, &malformed, 401, not_authentic(&app)).await;
        let odd = malformed.with_header("content-type", "text/plain");
        expect(&platform, &app, &odd, 401, not_authentic(&app)).await;
    }
}

#[tokio::test]
async fn the_kind_of_event_comes_before_content_type_and_json() {
    let platform = ingress_alone().await;
    let ignored = json!({ "status": "non-push event ignored" });
    for (provider, event) in [("github", "issues"), ("gitlab", "Issue Hook")] {
        let app = app_of(&platform, provider).await;
        let odd = authentic(&app, event, "{").with_header("content-type", "text/plain");
        expect(&platform, &app, &odd, 200, ignored.clone()).await;
        if provider == "github" {
            let ping = odd.with_header("x-github-event", "ping");
            expect(&platform, &app, &ping, 200, json!({ "ping": "ok" })).await;
        }
    }
}

#[tokio::test]
async fn the_content_type_comes_before_the_json() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let odd = authentic(&app, push_event(&app), "{").with_header("content-type", "text/plain");
        let body = json!({ "error": "unsupported content type" });
        expect(&platform, &app, &odd, 415, body).await;
    }
}

#[tokio::test]
async fn the_json_comes_before_the_repository() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let push = elsewhere(app.push()).of("main");
        let body = json!({ "error": "malformed JSON" });
        expect(&platform, &app, &app.delivery(&push), 400, body).await;
    }
}

#[tokio::test]
async fn the_repository_comes_before_the_deletion() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let delivery = app.delivery(&elsewhere(app.push()).of(NO_COMMIT));
        expect_status(&platform, &app, &delivery, "repository mismatch, no deploy triggered").await;
    }
}

#[tokio::test]
async fn the_deletion_comes_before_the_branch() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let delivery = app.delivery(&app.push().of(NO_COMMIT).to_branch("old"));
        expect_status(&platform, &app, &delivery, "branch deleted, no deploy triggered").await;
    }
}

#[tokio::test]
async fn the_branch_comes_before_auto_deploy() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let off = json!({ "auto_deploy_enabled": false });
        let app = platform.linked_app(&format!("off-{provider}"), provider, off).await.unwrap();
        let delivery = app.delivery(&app.push().to_branch("dev"));
        expect_status(&platform, &app, &delivery, "branch mismatch, no deploy triggered").await;
    }
}

#[tokio::test]
async fn auto_deploy_comes_before_the_commit() {
    let platform = Platform::start().await.unwrap();
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let push = app.push();
        let live = platform.accepted(&app, &push).await.unwrap();
        platform.live(live).await.unwrap();
        let off = json!({ "provider": provider, "repo_full_name": app.repo, "auto_deploy_enabled": false });
        platform.api.link(app.id, off).await.unwrap();
        let again = app.delivery(&push.then(&push.after));
        expect_status(&platform, &app, &again, "auto_deploy disabled").await;
    }
}

//! `PUT /v1/apps/{id}/git/source`.

use e2e::harness::Platform;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{call, get, ingress_alone, is_refused};

/// The path of a new app's source.
async fn path(platform: &Platform, name: &str) -> (Uuid, String) {
    let app = platform.api.create_app(name).await.unwrap().id;
    (app, format!("/v1/apps/{app}/git/source"))
}

fn link() -> Value {
    json!({ "provider": "github", "repo_full_name": "octo/hello" })
}

#[tokio::test]
async fn a_link_has_defaults_and_shows_its_secret_once() {
    let platform = ingress_alone().await;
    let (app, path) = path(&platform, "hello").await;
    let made = call(&platform, Method::PUT, &path, link()).await;
    assert_eq!(made.status, 200);
    let url = format!("{}/v1/webhooks/github/{app}", platform.api.url());
    let source = &made.body;
    assert_eq!(source["app_id"], json!(app));
    assert_eq!(source["provider"], "github");
    assert_eq!(source["repo_full_name"], "octo/hello");
    assert_eq!(source["branch"], "main");
    assert_eq!(source["auto_deploy_enabled"], true);
    assert_eq!(source["clone_url"], "https://github.com/octo/hello.git");
    assert_eq!(source["webhook_url"], url);
    assert_eq!(source["last_deploy_sha"], Value::Null);
    assert!(source["webhook_secret"].as_str().unwrap().len() >= 32);

    // From now on without the secret.
    let mut known = source.clone();
    known.as_object_mut().unwrap().remove("webhook_secret");
    known["webhook"]["settings"].as_object_mut().unwrap().remove("secret");
    assert_eq!(call(&platform, Method::PUT, &path, link()).await.body, known);
    assert_eq!(get(&platform, &path).await.body, known);
}

#[tokio::test]
async fn a_link_is_replaced_as_a_whole_and_keeps_its_secret() {
    let platform = ingress_alone().await;
    let app = platform.app("hello").await.unwrap();
    let path = format!("/v1/apps/{}/git/source", app.id);
    let other = json!({
        "provider": "github", "repo_full_name": app.repo, "branch": "release/1",
        "auto_deploy_enabled": false, "clone_url": "https://git.example.com/octo/hello.git",
    });
    let changed = call(&platform, Method::PUT, &path, other.clone()).await;
    assert_eq!(changed.status, 200);
    for (name, value) in other.as_object().unwrap() {
        assert_eq!(&changed.body[name], value, "{name}");
    }
    let back = json!({ "provider": "github", "repo_full_name": app.repo });
    let back = call(&platform, Method::PUT, &path, back).await;
    assert_eq!(
        (&back.body["branch"], &back.body["auto_deploy_enabled"]),
        (&json!("main"), &json!(true))
    );
    // Signed with the secret of the first link.
    platform.accepted(&app, &app.push()).await.unwrap();
}

#[tokio::test]
async fn a_wrong_link_is_refused_and_changes_nothing() {
    let platform = ingress_alone().await;
    let (_, path) = path(&platform, "hello").await;
    let wrong = [
        json!({}),
        json!({ "provider": "github" }),
        json!({ "repo_full_name": "octo/hello" }),
        json!({ "provider": "bitbucket", "repo_full_name": "octo/hello" }),
        json!({ "provider": "github", "repo_full_name": "hello" }),
        json!({ "provider": "github", "repo_full_name": "octo/../hello" }),
        json!({ "provider": "github", "repo_full_name": "octo/a/hello" }),
        json!({ "provider": "github", "repo_full_name": "octo/hello; rm -rf /" }),
        json!({ "provider": "github", "repo_full_name": "octo/hello", "branch": "" }),
        json!({ "provider": "github", "repo_full_name": "octo/hello", "branch": "a..b" }),
        json!({ "provider": "github", "repo_full_name": "octo/hello", "branch": "-x" }),
        json!({ "provider": "github", "repo_full_name": "octo/hello", "auto_deploy_enabled": "no" }),
        json!({ "provider": "github", "repo_full_name": "octo/hello", "clone_url": "git@github.com:octo/hello" }),
        json!({ "provider": "github", "repo_full_name": "octo/hello", "clone_url": "https://user:pass@github.com/x" }),
        json!({ "provider": "github", "repo_full_name": "octo/hello", "clone_url": "https://169.254.169.254/x" }),
        json!({ "provider": "github", "repo_full_name": "octo/hello", "brnach": "main" }),
        json!({ "provider": "gitlab", "repo_full_name": "octo/hello", "signing_token": "whsec_short" }),
        json!({ "provider": "gitlab", "repo_full_name": "octo/hello", "signing_required": true }),
    ];
    for body in wrong {
        let answer = call(&platform, Method::PUT, &path, body.clone()).await;
        assert_eq!(answer.status, 422, "{body}: {answer:?}");
        is_refused(&answer, 422);
    }
    is_refused(&get(&platform, &path).await, 404);
}

#[tokio::test]
async fn an_unknown_app_cannot_be_linked() {
    let platform = ingress_alone().await;
    for id in [Uuid::new_v4().to_string(), "hello".to_owned()] {
        let path = format!("/v1/apps/{id}/git/source");
        is_refused(&call(&platform, Method::PUT, &path, link()).await, 404);
        is_refused(&get(&platform, &path).await, 404);
        let path = format!("/v1/apps/{id}/git/webhook-secret");
        is_refused(&call(&platform, Method::PUT, &path, json!({})).await, 404);
    }
}

#[tokio::test]
async fn an_app_that_is_linked_to_the_other_provider_takes_its_deliveries_only() {
    let platform = ingress_alone().await;
    let app = platform.app("hello").await.unwrap();
    let gitlab = json!({ "provider": "gitlab", "repo_full_name": "octo/hello" });
    platform.api.link(app.id, gitlab).await.unwrap();
    let answer = platform.push(&app, &app.push()).await.unwrap();
    is_refused(&answer, 404);
    let delivery = app.push().gitlab(&app.secret);
    assert_eq!(platform.api.deliver(app.id, &delivery).await.unwrap().status, 202);
}

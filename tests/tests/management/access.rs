//! Who may call: every route of the management API asks for its token, and refuses in JSON.

use e2e::{
    api::{Answer, Api},
    harness::Platform,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{call, get, ingress_alone, is_refused};

/// The operations of the OpenAPI document that ask for the token: method and path.
async fn closed(platform: &Platform) -> Vec<(Method, String)> {
    let document = get(platform, "/v1/openapi.json").await.body;
    let id = Uuid::new_v4().to_string();
    let mut found = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        let path = path.replace("{app_id}", &id).replace("{deploy_id}", &id);
        let path = path.replace("{letter_id}", "7");
        for (method, operation) in operations.as_object().unwrap() {
            if operation["security"][0].get("token").is_some() {
                found.push((method.to_uppercase().parse().unwrap(), path.clone()));
            }
        }
    }
    found
}

#[tokio::test]
async fn the_description_lists_every_call() {
    let platform = ingress_alone().await;
    // It is open: it says nothing but what is public.
    let url = format!("{}/v1/openapi.json", platform.api.url());
    let answer = e2e::api::http_client().unwrap().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let document: Value = answer.json().await.unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3."));
    for (method, path) in [
        ("post", "/v1/webhooks/github/{app_id}"),
        ("post", "/v1/webhooks/gitlab/{app_id}"),
        ("post", "/v1/callbacks/builds/{deploy_id}"),
        ("post", "/v1/callbacks/tekton"),
        ("post", "/v1/apps"),
        ("put", "/v1/apps/{app_id}/git/source"),
        ("put", "/v1/apps/{app_id}/git/webhook-secret"),
        ("get", "/v1/apps/{app_id}/deploys"),
        ("get", "/v1/deploys/{deploy_id}"),
        ("post", "/v1/deploys/{deploy_id}/cancel"),
        ("post", "/v1/apps/{app_id}/rollback"),
        ("get", "/v1/deploys/{deploy_id}/watch"),
        ("post", "/v1/replays"),
        ("get", "/v1/dead-letters"),
        ("post", "/v1/dead-letters/{letter_id}/retry"),
        ("get", "/healthz"),
        ("get", "/readyz"),
    ] {
        assert!(document["paths"][path].get(method).is_some(), "{method} {path}");
    }
}

#[tokio::test]
async fn every_call_asks_for_the_token_first() {
    let platform = ingress_alone().await;
    let closed = closed(&platform).await;
    assert!(closed.len() >= 10, "{closed:?}");
    let unauthorised = |answer: Answer| {
        let error = json!({ "error": "missing or invalid API token" });
        assert_eq!((answer.status, &answer.body), (401, &error));
    };
    let mut junk = vec!["junk".to_owned(), "0".repeat(64), "x".repeat(5000)];
    junk.push(platform.wiring().keys.api_token_sha256());
    junk.push(platform.wiring().keys.api_token.to_uppercase());
    for token in junk {
        let stranger = Api::new(platform.api.url(), &token).unwrap();
        for (method, path) in &closed {
            let body = Some(json!({ "name": "stranger" }));
            unauthorised(stranger.call(method.clone(), path, body).await.unwrap());
        }
    }
    let http = e2e::api::http_client().unwrap();
    for (method, path) in &closed {
        let url = format!("{}{path}", platform.api.url());
        let bare = || http.request(method.clone(), &url);
        let basic = bare().basic_auth("token", Some(&platform.wiring().keys.api_token));
        for request in [bare(), basic, bare().header("authorization", "Bearer")] {
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 401, "{method} {path}");
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(get(&platform, "/v1/apps").await.body, json!({ "apps": [] }));
}

#[tokio::test]
async fn a_body_that_is_no_json_is_malformed() {
    let platform = ingress_alone().await;
    let app = platform.app("hello").await.unwrap().id;
    let http = e2e::api::http_client().unwrap();
    for (method, path) in [
        (Method::POST, "/v1/apps".to_owned()),
        (Method::PUT, format!("/v1/apps/{app}/git/source")),
        (Method::PUT, format!("/v1/apps/{app}/git/webhook-secret")),
        (Method::POST, format!("/v1/apps/{app}/rollback")),
    ] {
        let url = format!("{}{path}", platform.api.url());
        for body in ["{", "not json", "{} {}"] {
            let request = http.request(method.clone(), &url).body(body);
            let request = request.bearer_auth(&platform.wiring().keys.api_token);
            let answer = request.send().await.unwrap();
            assert_eq!(answer.status(), 400, "{method} {path} {body}");
            let body: Value = answer.json().await.unwrap();
            assert_eq!(body, json!({ "error": "malformed JSON" }));
        }
    }
}

#[tokio::test]
async fn another_method_or_path_is_refused_in_json() {
    let platform = ingress_alone().await;
    let app = platform.app("hello").await.unwrap().id;
    is_refused(&call(&platform, Method::DELETE, "/v1/apps", json!({})).await, 405);
    let path = format!("/v1/apps/{app}/git/source");
    is_refused(&call(&platform, Method::POST, &path, json!({})).await, 405);
    for path in ["/v1/nothing", "/v1/apps/x/y/z", "/nothing"] {
        is_refused(&get(&platform, path).await, 404);
    }
}

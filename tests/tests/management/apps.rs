//! `POST /v1/apps`, and reading apps back.

use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::{call, get, ingress_alone, is_refused};

#[tokio::test]
async fn an_app_is_created_once() {
    let platform = ingress_alone().await;
    let made = call(&platform, Method::POST, "/v1/apps", json!({ "name": "hello" })).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.body["name"], "hello");
    assert_eq!(made.body["url"], "https://hello.apps.localhost");
    let id: Uuid = made.body["id"].as_str().unwrap().parse().unwrap();

    let again = call(&platform, Method::POST, "/v1/apps", json!({ "name": "hello" })).await;
    is_refused(&again, 409);
    assert_eq!(get(&platform, &format!("/v1/apps/{id}")).await.body, made.body);
    assert_eq!(get(&platform, "/v1/apps").await.body, json!({ "apps": [made.body] }));
}

#[tokio::test]
async fn an_apps_name_is_a_dns_label_of_at_most_40_characters() {
    let platform = ingress_alone().await;
    let (longest, too_long) = ("a".repeat(40), "a".repeat(41));
    for name in [longest.as_str(), "a", "0", "a-b", "1-2-3"] {
        let answer = call(&platform, Method::POST, "/v1/apps", json!({ "name": name })).await;
        assert_eq!(answer.status, 201, "{name}");
    }
    let wrong = ["", "-a", "a-", "A", "a_b", "a.b", "a b", "ä", "a\n", "../a", &too_long];
    for name in wrong {
        let answer = call(&platform, Method::POST, "/v1/apps", json!({ "name": name })).await;
        is_refused(&answer, 422);
    }
    for body in [json!({}), json!({ "name": 1 }), json!({ "name": null }), json!(["a"])] {
        is_refused(&call(&platform, Method::POST, "/v1/apps", body).await, 422);
    }
}

#[tokio::test]
async fn an_app_that_is_not_there_is_not_found() {
    let platform = ingress_alone().await;
    for id in [Uuid::new_v4().to_string(), "hello".to_owned()] {
        is_refused(&get(&platform, &format!("/v1/apps/{id}")).await, 404);
    }
}

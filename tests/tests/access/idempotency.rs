//! `Idempotency-Key`: a request that comes again changes nothing more.

use reqwest::Method;
use serde_json::{Value, json};

use super::{Somebody, answer, error, ingress_alone};

async fn post(by: &Somebody, key: &str, path: &str, body: Value) -> (u16, Value) {
    answer(by.request(Method::POST, path).header("Idempotency-Key", key).json(&body)).await
}

async fn shop(by: &Somebody, key: &str) -> (u16, Value) {
    post(by, key, "/v1/apps", json!({ "name": "shop" })).await
}

#[tokio::test]
async fn the_same_request_has_the_same_answer() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    let first = shop(&operator, "k").await;
    assert_eq!(first.0, 201);
    assert_eq!(shop(&operator, "k").await, first);
    assert_eq!(shop(&operator, "other").await.0, 409, "under another key it is another request");
    let another = post(&operator, "k", "/v1/apps", json!({ "name": "cart" })).await;
    assert_eq!(another, (422, error("this Idempotency-Key was used for another request")));
    let elsewhere = post(&operator, "k", "/v1/tenants", json!({ "name": "shop" })).await;
    assert_eq!(elsewhere.0, 422);
    let (_, log) = operator.get("/v1/audit").await;
    assert_eq!(log["entries"].as_array().unwrap().len(), 2, "what is not done is not noted: {log}");
}

#[tokio::test]
async fn keys_of_different_tenants_are_different() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    let acme = operator.tenant("acme").await;
    assert_eq!(shop(&operator, "k").await.0, 201);
    assert_eq!(shop(&acme, "k").await.0, 409);
}

#[tokio::test]
async fn a_request_that_failed_may_be_corrected_under_its_key() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    assert_eq!(post(&operator, "k", "/v1/apps", json!({ "name": "No" })).await.0, 422);
    assert_eq!(shop(&operator, "k").await.0, 201);
    let long = "k".repeat(201);
    assert_eq!(shop(&operator, &long).await.0, 422);
}

#[tokio::test]
async fn a_request_that_is_underway_is_waited_for_and_one_that_was_cut_off_is_finished() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    let first = shop(&operator, "k").await;
    let database = platform.database().await.unwrap();
    let cut_off = "update idempotency_keys set status = null, answer = null";
    database.execute(cut_off, &[]).await.unwrap();
    let request = operator.request(Method::POST, "/v1/apps").header("Idempotency-Key", "k");
    let underway = request.json(&json!({ "name": "shop" })).send().await.unwrap();
    assert_eq!(underway.status(), 409);
    assert!(underway.headers().contains_key("retry-after"));
    let long_ago = "update idempotency_keys set claimed_at = now() - interval '61 seconds'";
    database.execute(long_ago, &[]).await.unwrap();
    assert_eq!(shop(&operator, "k").await, first, "it finds what it had made");
    assert_eq!(shop(&operator, "k").await, first);
    let a_day_ago = "update idempotency_keys set claimed_at = now() - interval '25 hours'";
    database.execute(a_day_ago, &[]).await.unwrap();
    assert_eq!(post(&operator, "k", "/v1/apps", json!({ "name": "cart" })).await.0, 201);
}

#[tokio::test]
async fn a_token_that_is_shown_again_is_not_stored_in_clear() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    let body = json!({ "name": "ci", "scope": "read" });
    let first = post(&operator, "k", "/v1/tokens", body.clone()).await;
    let token = first.1["token"].as_str().unwrap();
    let (_, listed) = operator.get("/v1/tokens").await;
    assert_eq!(listed["tokens"].as_array().unwrap().len(), 1);
    let answers = "select encode(answer, 'escape') from idempotency_keys";
    let database = platform.database().await.unwrap();
    let answer: String = database.query_one(answers, &[]).await.unwrap().get(0);
    assert!(!answer.contains("ci") && !answer.contains(token));
    assert_eq!(post(&operator, "k", "/v1/tokens", body).await, first);
}

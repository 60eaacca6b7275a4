//! A token's life: made and shown once, used, expired, revoked.

use e2e::wait;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

use super::{Somebody, error, ingress_alone};

const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_token_is_shown_once_and_says_whose_it_is() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    let body = json!({ "name": "ci", "scope": "deploy", "expires_in_days": 30 });
    let (status, made) = operator.post("/v1/tokens", body).await;
    assert_eq!(status, 201, "{made}");
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("paas_") && token.len() == 48, "{token}");
    assert!(token.starts_with(made["prefix"].as_str().unwrap()));
    let expires_at: jiff::Timestamp = made["expires_at"].as_str().unwrap().parse().unwrap();
    let created_at: jiff::Timestamp = made["created_at"].as_str().unwrap().parse().unwrap();
    let days = expires_at.duration_since(created_at).as_hours() / 24;
    assert!((29..=30).contains(&days), "{days}");
    assert_eq!(made["created_by"], "operator");

    let (_, listed) = operator.get("/v1/tokens").await;
    assert_eq!(listed["tokens"][0]["id"], made["id"]);
    assert!(!listed.to_string().contains(token), "{listed}");

    let (status, me) = operator.with(token).get("/v1/whoami").await;
    assert_eq!(status, 200);
    let expected = json!({
        "tenant": { "id": "00000000-0000-0000-0000-000000000001", "name": "default" },
        "actor": "token", "scope": "deploy",
        "token": { "id": made["id"], "name": "ci", "prefix": made["prefix"], "expires_at": made["expires_at"] },
    });
    assert_eq!(me, expected);
    let (_, me) = operator.get("/v1/whoami").await;
    assert_eq!(
        (&me["actor"], &me["scope"], me.get("token")),
        (&json!("operator"), &json!("admin"), None)
    );

    let stored = "select count(*) from api_tokens t where t::text like '%' || $1 || '%'";
    let database = platform.database().await.unwrap();
    let stored: i64 = database.query_one(stored, &[&token]).await.unwrap().get(0);
    assert_eq!(stored, 0, "only its hash is stored");
}

#[tokio::test]
async fn a_tokens_use_is_noted() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    let token = operator.token("ci", "read").await;
    let (_, listed) = operator.get("/v1/tokens").await;
    assert!(listed["tokens"][0].get("last_used_at").is_none(), "{listed}");
    assert_eq!(operator.with(&token).get("/v1/apps").await.0, 200);
    wait::until("the use to be noted", PATIENCE, || async {
        let (_, listed) = operator.get("/v1/tokens").await;
        Ok(listed["tokens"][0]["last_used_at"].is_string().then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_token_that_expired_or_was_revoked_opens_nothing() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    let refused = (401, error("missing or invalid API token"));

    let expired = operator.with(&operator.token("expired", "admin").await);
    assert_eq!(expired.get("/v1/apps").await.0, 200);
    let expire = "update api_tokens set expires_at = now() where name = 'expired'";
    platform.database().await.unwrap().execute(expire, &[]).await.unwrap();
    assert_eq!(expired.get("/v1/apps").await, refused);

    let revoked = operator.with(&operator.token("revoked", "admin").await);
    let (_, listed) = operator.get("/v1/tokens").await;
    let path = format!("/v1/tokens/{}", listed["tokens"][0]["id"].as_str().unwrap());
    assert_eq!(revoked.call(Method::DELETE, &path, json!({})).await, (204, Value::Null));
    assert_eq!(revoked.get("/v1/apps").await, refused);
    assert_eq!(operator.call(Method::DELETE, &path, json!({})).await.0, 204, "again");
    let (_, listed) = operator.get("/v1/tokens").await;
    assert!(listed["tokens"][0]["revoked_at"].is_string(), "{listed}");
    let nothing = "/v1/tokens/00000000-0000-0000-0000-000000000000";
    assert_eq!(operator.call(Method::DELETE, nothing, json!({})).await.0, 404);
}

#[tokio::test]
async fn a_token_to_be_made_is_checked() {
    let platform = ingress_alone().await;
    let operator = Somebody::operator(&platform);
    for wrong in [
        json!({}),
        json!({ "name": "ci" }),
        json!({ "name": "", "scope": "read" }),
        json!({ "name": "a\u{0}b", "scope": "read" }),
        json!({ "name": "a".repeat(101), "scope": "read" }),
        json!({ "name": "ci", "scope": "operator" }),
        json!({ "name": "ci", "scope": "read", "expires_in_days": 0 }),
        json!({ "name": "ci", "scope": "read", "expires_in_days": u64::MAX }),
        json!({ "name": "ci", "scope": "read", "more": 1 }),
        json!([]),
    ] {
        assert_eq!(operator.post("/v1/tokens", wrong.clone()).await.0, 422, "{wrong}");
    }
}

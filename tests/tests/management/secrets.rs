//! `PUT /v1/apps/{id}/git/webhook-secret`, and how secrets are kept.

use e2e::harness::{LinkedApp, Platform};
use reqwest::Method;
use serde_json::{Value, json};

use super::{call, ingress_alone, is_refused, names};

const TOKEN: &str = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";

fn path(app: &LinkedApp) -> String {
    format!("/v1/apps/{}/git/webhook-secret", app.id)
}

/// Replaces the secret; the app with the new one.
async fn rotated(platform: &Platform, app: &LinkedApp, body: Value) -> LinkedApp {
    let answer = call(platform, Method::PUT, &path(app), body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(names(&answer.body), ["previous_valid_until", "webhook", "webhook_secret"]);
    let secret = answer.body["webhook_secret"].as_str().unwrap().to_owned();
    LinkedApp { secret, ..app.clone() }
}

async fn status(platform: &Platform, app: &LinkedApp) -> u16 {
    platform.push(app, &app.push()).await.unwrap().status
}

#[tokio::test]
async fn a_new_secret_leaves_the_old_one_valid_until_it_is_retired() {
    let platform = ingress_alone().await;
    for provider in ["github", "gitlab"] {
        let first = platform.linked_app(provider, provider, json!({})).await.unwrap();
        assert_eq!(status(&platform, &first).await, 202);
        let made = rotated(&platform, &first, json!({})).await;
        assert_ne!(made.secret, first.secret);
        assert_eq!(status(&platform, &first).await, 202);
        assert_eq!(status(&platform, &made).await, 202);
        let secret = json!({ "webhook_secret": "one of my own choosing!" });
        let chosen = rotated(&platform, &made, secret).await;
        assert_eq!(chosen.secret, "one of my own choosing!");
        assert_eq!(status(&platform, &first).await, 401, "never are there three");
        assert_eq!(status(&platform, &made).await, 202);
        let retire = json!({ "retire_previous": true });
        let retired = call(&platform, Method::PUT, &path(&chosen), retire).await;
        assert_eq!((retired.status, names(&retired.body)), (200, vec!["webhook"]));
        assert_eq!(status(&platform, &made).await, 401);
        assert_eq!(status(&platform, &chosen).await, 202);
    }
}

#[tokio::test]
async fn a_secret_that_is_none_is_refused_and_changes_nothing() {
    let platform = ingress_alone().await;
    let app = platform.app("hello").await.unwrap();
    let (short, long) = ("x".repeat(7), "x".repeat(257));
    for secret in ["", " ", &short, &long, "with\nnewline", " a padded secret "] {
        let body = json!({ "webhook_secret": secret });
        let answer = call(&platform, Method::PUT, &path(&app), body).await;
        is_refused(&answer, 422);
        let said = answer.body["error"].as_str().unwrap();
        assert!(secret.trim().is_empty() || !said.contains(secret), "{said}");
    }
    for body in [json!({ "webhook_secret": 1 }), json!({ "secret": "a long enough one" })] {
        is_refused(&call(&platform, Method::PUT, &path(&app), body).await, 422);
    }
    assert_eq!(status(&platform, &app).await, 202);
}

#[tokio::test]
async fn an_app_without_a_source_has_no_secret_to_replace() {
    let platform = ingress_alone().await;
    let app = platform.api.create_app("hello").await.unwrap().id;
    let path = format!("/v1/apps/{app}/git/webhook-secret");
    is_refused(&call(&platform, Method::PUT, &path, json!({})).await, 404);
}

#[tokio::test]
async fn secrets_are_sealed_at_rest() {
    let platform = ingress_alone().await;
    let token = json!({ "signing_token": TOKEN });
    let app = platform.linked_app("hello", "gitlab", token).await.unwrap();
    let known = "a secret that is easily recognised";
    let chosen = rotated(&platform, &app, json!({ "webhook_secret": known })).await;
    assert_eq!(status(&platform, &chosen).await, 202);

    let database = platform.database().await.unwrap();
    let dump = "select t::text, webhook_secret, signing_token from app_git_sources t";
    let row = database.query_one(dump, &[]).await.unwrap();
    let (text, secret, sealed_token): (String, Vec<u8>, Vec<u8>) =
        (row.get(0), row.get(1), row.get(2));
    let key = TOKEN.trim_start_matches("whsec_");
    for plain in [known, &app.secret, TOKEN, key] {
        let bytes = plain.as_bytes();
        let holds = |sealed: &[u8]| sealed.windows(bytes.len()).any(|window| window == bytes);
        assert!(!text.contains(plain) && !text.contains(&hex::encode(bytes)));
        assert!(!holds(&secret) && !holds(&sealed_token));
    }
    let log = platform.ingress[0].log();
    assert!(!log.contains(known) && !log.contains(&app.secret) && !log.contains(key));

    // Sealed for their row: another app's row does not open with them.
    let other = platform.linked_app("other", "gitlab", json!({})).await.unwrap();
    let moved = "update app_git_sources set webhook_secret = $1 where app_id = $2";
    database.execute(moved, &[&secret, &other.id]).await.unwrap();
    let stolen = LinkedApp { secret: known.to_owned(), ..other };
    assert_eq!(status(&platform, &stolen).await, 503);
}

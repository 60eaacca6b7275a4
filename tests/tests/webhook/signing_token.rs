//! GitLab 19's signing tokens: a delivery with a signature must pass by it, any other by the plain token.

use e2e::{
    deliveries::{Delivery, webhook_signature},
    harness::{LinkedApp, Platform},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{expect, expect_queued, footprint, ingress_alone};

const TOKEN: &str = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";
const OTHER: &str = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const ID: &str = "f5e5f430-f57b-4e6e-9fac-d9128cd7232f";

async fn app(platform: &Platform) -> LinkedApp {
    platform.linked_app("signed", "gitlab", json!({ "signing_token": TOKEN })).await.unwrap()
}

async fn refused(platform: &Platform, app: &LinkedApp, deliveries: &[Delivery]) {
    let before = footprint(platform).await;
    for delivery in deliveries {
        let error = json!({ "error": "invalid webhook-signature" });
        expect(platform, app, delivery, 401, error).await;
    }
    assert_eq!(footprint(platform).await, before);
}

#[tokio::test]
async fn a_signed_push_is_queued() {
    let platform = ingress_alone().await;
    let app = app(&platform).await;
    let push = app.push();
    let delivery = app.delivery(&push).signed(TOKEN, ID, Timestamp::now());
    expect_queued(&platform, &app, &delivery, &push.after).await;
}

#[tokio::test]
async fn one_right_signature_among_several_is_enough() {
    let platform = ingress_alone().await;
    let app = app(&platform).await;
    let push = app.push();
    let now = Timestamp::now();
    let right = app.delivery(&push).signed(TOKEN, ID, now);
    let wrong = webhook_signature(OTHER, ID, now, &right.body);
    let list = format!("{wrong} v2,later {}", right.headers["webhook-signature"]);
    let delivery = right.with_header("webhook-signature", &list);
    expect_queued(&platform, &app, &delivery, &push.after).await;
}

#[tokio::test]
async fn a_wrong_signature_is_refused_even_with_the_right_token() {
    let platform = ingress_alone().await;
    let app = app(&platform).await;
    let now = Timestamp::now();
    let right = app.delivery(&app.push()).signed(TOKEN, ID, now);
    let with = |signature: &str| right.clone().with_header("webhook-signature", signature);
    let value = right.headers["webhook-signature"].clone();
    let bare = value.trim_start_matches("v1,");
    let wrong = [
        app.delivery(&app.push()).signed(OTHER, ID, now),
        with(""),
        with("v1,"),
        with("v1,???"),
        with(bare),
        with(&format!("v1a,{bare}")),
        right.clone().with_header("webhook-id", "another"),
        right.clone().without_header("webhook-id"),
        right.clone().without_header("webhook-timestamp"),
        right.clone().with_header("webhook-timestamp", "soon"),
        Delivery { body: "{}".into(), ..right.clone() },
    ];
    refused(&platform, &app, &wrong).await;
    let with_token = wrong.map(|delivery| delivery.with_header("x-gitlab-token", &app.secret));
    refused(&platform, &app, &with_token).await;
}

#[tokio::test]
async fn a_timestamp_more_than_five_minutes_off_is_refused() {
    let platform = ingress_alone().await;
    let app = app(&platform).await;
    let at = |seconds| Timestamp::now() + SignedDuration::from_secs(seconds);
    let push = app.push();
    let stale = [-330, 330, -86_400, -20_000_000];
    let stale = stale.map(|seconds| app.delivery(&push).signed(TOKEN, ID, at(seconds)));
    refused(&platform, &app, &stale).await;
    for (seconds, id) in [(-270, "late"), (270, "early")] {
        let delivery = app.delivery(&push).signed(TOKEN, id, at(seconds));
        expect_queued(&platform, &app, &delivery, &push.after).await;
    }
}

#[tokio::test]
async fn the_known_vector_verifies_but_is_too_old() {
    let platform = ingress_alone().await;
    let app = app(&platform).await;
    let body = r#"{"object_kind":"push"}"#;
    let push = Delivery { body: body.into(), ..app.delivery(&app.push()) };
    let at = Timestamp::from_second(1_769_000_000).unwrap();
    let old = push.clone().signed(TOKEN, ID, at);
    let known = "v1,uBH+NwWW9b22x+VNHVa8p9foC8NLzHK/3+OxWP2Gpfw=";
    assert_eq!(old.headers["webhook-signature"], known);
    refused(&platform, &app, &[old]).await;
    // The same of today is authentic, and no push.
    let fresh = push.signed(TOKEN, ID, Timestamp::now());
    expect(&platform, &app, &fresh, 400, json!({ "error": "malformed JSON" })).await;
}

#[tokio::test]
async fn an_id_and_a_timestamp_without_a_signature_leave_it_to_the_token() {
    let platform = ingress_alone().await;
    let app = app(&platform).await;
    let push = app.push();
    let now = Timestamp::now().as_second().to_string();
    let unsigned =
        app.delivery(&push).with_header("webhook-id", ID).with_header("webhook-timestamp", &now);
    expect_queued(&platform, &app, &unsigned, &push.after).await;
    let wrong = unsigned.with_header("x-gitlab-token", "wrong");
    let error = json!({ "error": "invalid X-Gitlab-Token" });
    expect(&platform, &app, &wrong, 401, error).await;
}

#[tokio::test]
async fn a_signature_is_refused_by_an_app_without_a_signing_token() {
    let platform = ingress_alone().await;
    let app = platform.linked_app("plain", "gitlab", json!({})).await.unwrap();
    let signed = app.delivery(&app.push()).signed(TOKEN, ID, Timestamp::now());
    let with_token = signed.clone().with_header("x-gitlab-token", &app.secret);
    refused(&platform, &app, &[signed, with_token]).await;
}

#[tokio::test]
async fn where_signing_is_required_the_token_is_not_enough() {
    let platform = ingress_alone().await;
    let required = json!({ "signing_token": TOKEN, "signing_required": true });
    let app = platform.linked_app("strict", "gitlab", required).await.unwrap();
    let push = app.push();
    refused(&platform, &app, &[app.delivery(&push)]).await;
    let delivery = app.delivery(&push).signed(TOKEN, ID, Timestamp::now());
    expect_queued(&platform, &app, &delivery, &push.after).await;
}

//! What is not authentic is refused, and leaves no trace (I6).

use e2e::{
    deliveries::{Delivery, github_event, github_ping, github_signature},
    harness::{LinkedApp, Platform},
};
use serde_json::json;

use super::{app_of, expect, footprint, ingress_alone};

const NO_SIGNATURE: &str = "missing X-Hub-Signature-256";
const BAD_SIGNATURE: &str = "invalid signature";
const BAD_TOKEN: &str = "invalid X-Gitlab-Token";

/// Each delivery gets 401 with this error, and nothing is stored, published or logged for it.
async fn refused(platform: &Platform, app: &LinkedApp, deliveries: &[Delivery], error: &str) {
    let (before, logged) = (footprint(platform).await, platform.ingress[0].log().len());
    for delivery in deliveries {
        expect(platform, app, delivery, 401, json!({ "error": error })).await;
    }
    assert_eq!(footprint(platform).await, before);
    let log = platform.ingress[0].log().split_off(logged);
    for delivery in deliveries {
        for name in ["x-github-delivery", "idempotency-key"] {
            if let Some(id) = delivery.headers.get(name) {
                assert!(!log.contains(id), "{name} of a refused delivery is in {log}");
            }
        }
    }
    assert!(!log.contains(&app.secret), "the secret is in {log}");
    assert!(!log.contains("octo/"), "the repository is in {log}");
}

#[tokio::test]
async fn github_without_a_signature_is_refused() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let push = app.delivery(&app.push());
    let bare = push.clone().without_header("x-hub-signature-256");
    let empty = push.with_header("x-hub-signature-256", "");
    // The legacy header is not looked at.
    let legacy = bare.clone().with_header("x-hub-signature", &format!("sha1={}", "0".repeat(40)));
    refused(&platform, &app, &[bare, empty, legacy], NO_SIGNATURE).await;
}

#[tokio::test]
async fn github_with_an_invalid_signature_is_refused() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let push = app.delivery(&app.push());
    let right = push.headers["x-hub-signature-256"].clone();
    let hex = right.trim_start_matches("sha256=");
    let wrong = [
        format!("sha256={}", "0".repeat(64)),
        format!("sha256={}", "g".repeat(64)),
        format!("sha256={}", &hex[..62]),
        format!("sha256={hex}00"),
        format!("sha1={hex}"),
        format!("SHA256={hex}"),
        hex.to_owned(),
        "sha256=".to_owned(),
        format!("{right},{right}"),
        github_signature("another secret", &push.body),
        github_signature("", &push.body),
        github_signature(&app.secret, b"another body"),
    ];
    let wrong = wrong.map(|value| push.clone().with_header("x-hub-signature-256", &value));
    refused(&platform, &app, &wrong, BAD_SIGNATURE).await;
}

#[tokio::test]
async fn a_body_that_was_changed_on_the_way_is_refused() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let push = app.delivery(&app.push());
    let mut changed = push.body.to_vec();
    changed.push(b' ');
    let changed = Delivery { body: changed.into(), ..push };
    let form = app.delivery(&app.push()).as_form(&app.secret);
    // Signed as the JSON that it holds, not as the form that was sent.
    let json = app.delivery(&app.push());
    let form = Delivery { headers: json.headers.clone(), ..form };
    refused(&platform, &app, &[changed, form], BAD_SIGNATURE).await;
}

#[tokio::test]
async fn the_secret_of_one_app_opens_no_other() {
    let platform = ingress_alone().await;
    let mine = platform.app("mine").await.unwrap();
    let yours = platform.app("yours").await.unwrap();
    assert_ne!(mine.secret, yours.secret);
    refused(&platform, &mine, &[mine.push().github(&yours.secret)], BAD_SIGNATURE).await;
}

#[tokio::test]
async fn pings_and_other_events_must_be_authentic_too() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let event = github_event("issues", &json!({ "action": "opened" }), "wrong");
    refused(&platform, &app, &[github_ping("wrong"), event], BAD_SIGNATURE).await;
}

#[tokio::test]
async fn gitlab_without_its_token_is_refused() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "gitlab").await;
    let push = app.delivery(&app.push());
    let mut wrong = vec![push.clone().without_header("x-gitlab-token")];
    let long = app.secret.repeat(2);
    let upper = app.secret.to_uppercase();
    for token in ["", "wrong", &app.secret[1..], &long, &upper] {
        wrong.push(push.clone().with_header("x-gitlab-token", token));
    }
    let issue = push.clone().with_header("x-gitlab-event", "Issue Hook");
    wrong.push(issue.with_header("x-gitlab-token", "wrong"));
    refused(&platform, &app, &wrong, BAD_TOKEN).await;
}

#[tokio::test]
async fn nothing_is_ever_redirected() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let http = e2e::api::http_client().unwrap();
    let hook = format!("/v1/webhooks/github/{}", app.id);
    for path in ["", "/", "/v1", "/v1/webhooks", "/v1/webhooks/github", "//v1/apps", &hook] {
        for end in ["", "/", "/x", "?a=b"] {
            let url = format!("{}{path}{end}", platform.api.url());
            for request in [http.get(&url), http.post(&url), http.head(&url)] {
                let status = request.send().await.unwrap().status();
                assert!(status.is_client_error(), "{url}: {status}");
            }
        }
    }
}

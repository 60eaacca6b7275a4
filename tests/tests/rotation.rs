//! Rotation of webhook secrets: nothing that is signed with either of the two is refused, until the old one is retired.

use std::time::Duration;

use e2e::harness::{LinkedApp, Platform};
use reqwest::Method;
use serde_json::{Value, json};

use crate::link::{action, connected, hooks, push_arrives, put, rotate, unlinked};

async fn status(platform: &Platform, app: &LinkedApp) -> u16 {
    platform.push(app, &app.push()).await.unwrap().status
}

#[tokio::test]
async fn under_load_no_delivery_signed_with_either_secret_is_refused() {
    let platform = connected(&["github", "gitlab", "forgejo"]).await;
    platform.forge.switch("gitlab", json!({ "signing_tokens": false })).await.unwrap();
    for provider in ["github", "gitlab", "forgejo"] {
        let before =
            platform.connected_app(&format!("by-{provider}"), provider, json!({})).await.unwrap();
        let after =
            LinkedApp { secret: format!("the next secret at {provider}"), ..before.clone() };
        let (mut sent, old) = (0, before.clone());
        let rotation = rotate(&platform, before.id, json!({ "webhook_secret": after.secret }));
        tokio::pin!(rotation);
        // Deliveries with the old secret all the while, ...
        let rotated = loop {
            tokio::select! {
                rotated = &mut rotation => break rotated,
                status = status(&platform, &old) => { assert_eq!(status, 202); sent += 1; }
            }
        };
        assert_eq!(action(&rotated), "updated", "{rotated:?}");
        // ... and with both from now on.
        for _ in 0..5 {
            for app in [&before, &after] {
                assert_eq!(status(&platform, app).await, 202);
                sent += 1;
            }
        }
        assert!(sent >= 10);
        let until = rotated.body["previous_valid_until"].as_str().unwrap();
        let until: jiff::Timestamp = until.parse().unwrap();
        let left = until.duration_since(jiff::Timestamp::now());
        assert!(left > Duration::from_hours(23).try_into().unwrap());
        let hook = platform.forge.hook(provider, &before.repo).await.unwrap();
        assert_eq!(hook.secret, Some(after.secret.clone()));

        let retired = rotate(&platform, before.id, json!({ "retire_previous": true })).await;
        assert_eq!(retired.status, 200, "{retired:?}");
        assert_eq!(retired.body["webhook_secret"], Value::Null);
        assert_eq!(retired.body["previous_valid_until"], Value::Null);
        assert_eq!(status(&platform, &before).await, 401);
        assert_eq!(status(&platform, &after).await, 202);
    }
}

#[tokio::test]
async fn a_rotation_that_the_provider_does_not_hear_of_keeps_both() {
    let platform = connected(&["github"]).await;
    let (app, link) = unlinked(&platform, "github", "hello").await;
    put(&platform, app, &link).await;
    platform.forge.switch("github", json!({ "down": true })).await.unwrap();
    let first = rotate(&platform, app, json!({})).await;
    assert_eq!(action(&first), "pending", "{first:?}");
    assert_eq!(first.body["previous_valid_until"], Value::Null);
    // A second on top of it would make three.
    for body in [json!({}), json!({ "retire_previous": true })] {
        let refused = rotate(&platform, app, body).await;
        assert_eq!(refused.status, 503, "{refused:?}");
        assert!(refused.retry_after.is_some());
    }
    platform.forge.switch("github", json!({ "down": false })).await.unwrap();
    push_arrives(&platform, &link).await;
    let second = rotate(&platform, app, json!({})).await;
    assert_eq!(action(&second), "updated");
    assert_ne!(second.body["webhook_secret"], first.body["webhook_secret"]);
    push_arrives(&platform, &link).await;
    assert_eq!(hooks(&platform, &link).await, 1);
}

#[tokio::test]
async fn a_compromised_secret_is_replaced_and_retired_at_once() {
    let platform = connected(&[]).await;
    let app = platform.app("hello").await.unwrap();
    let path = format!("/v1/apps/{}/git/webhook-secret", app.id);
    let body = json!({ "webhook_secret": "a new one for today", "retire_previous": true });
    let answer = platform.api.call(Method::PUT, &path, Some(body)).await.unwrap();
    assert_eq!(action(&answer), "manual");
    assert_eq!(answer.body["previous_valid_until"], Value::Null);
    assert_eq!(status(&platform, &app).await, 401);
    let new = LinkedApp { secret: "a new one for today".to_owned(), ..app };
    assert_eq!(status(&platform, &new).await, 202);
}

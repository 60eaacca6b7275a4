//! GitLab's pushes: known by the id of a signed delivery, else by the idempotency key, else by the change itself.

use e2e::{
    deliveries::Delivery,
    harness::{LinkedApp, Platform},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

use super::{builds, builds_of, reaches};

const TOKEN: &str = "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=";

async fn app(platform: &Platform) -> LinkedApp {
    platform.linked_app("hello", "gitlab", json!({ "signing_token": TOKEN })).await.unwrap()
}

async fn accepted(platform: &Platform, app: &LinkedApp, delivery: &Delivery) -> Uuid {
    let answer = platform.api.deliver(app.id, delivery).await.unwrap();
    answer.deploy_id().unwrap_or_else(|| panic!("not accepted: {answer:?}"))
}

#[tokio::test]
async fn the_idempotency_key_stays_the_same_over_retries() {
    let platform = Platform::start().await.unwrap();
    let app = app(&platform).await;
    let push = app.push();
    let delivery = app.delivery(&push);
    builds_of(&platform, &push.after, "hang").await;
    let id = accepted(&platform, &app, &delivery).await;
    // These two are another value on every request.
    let retry = delivery
        .with_header("x-gitlab-event-uuid", &Uuid::new_v4().to_string())
        .with_header("x-gitlab-webhook-uuid", &Uuid::new_v4().to_string());
    assert_eq!(accepted(&platform, &app, &retry).await, id);
    builds_of(&platform, &push.after, "succeed").await;
    platform.live(id).await.unwrap();
    assert_eq!(builds(&platform), [id]);
}

#[tokio::test]
async fn group_and_project_hooks_of_one_event_are_one_build() {
    let platform = Platform::start().await.unwrap();
    let app = app(&platform).await;
    let push = app.push();
    builds_of(&platform, &push.after, "hang").await;
    let of_project = app.delivery(&push);
    let of_group = of_project.clone().with_header("idempotency-key", &Uuid::new_v4().to_string());
    let first = accepted(&platform, &app, &of_project).await;
    let second = accepted(&platform, &app, &of_group).await;
    assert_ne!(first, second);
    let duplicate =
        platform.api.wait_for_state(second, "duplicate", super::PATIENCE).await.unwrap();
    assert!(duplicate.reason.unwrap().contains(&first.to_string()));
    builds_of(&platform, &push.after, "succeed").await;
    platform.live(first).await.unwrap();
    assert_eq!(builds(&platform), [first]);
}

#[tokio::test]
async fn a_signed_delivery_is_known_by_its_id() {
    let platform = Platform::start().await.unwrap();
    let app = app(&platform).await;
    let push = app.push();
    let (now, earlier) = (Timestamp::now(), Timestamp::now() - SignedDuration::from_secs(60));
    builds_of(&platform, &push.after, "hang").await;
    let delivery = app.delivery(&push);
    let id = accepted(&platform, &app, &delivery.clone().signed(TOKEN, "msg-1", earlier)).await;
    // The key is not covered by the signature, so a captured delivery could carry any.
    let resent = delivery
        .clone()
        .with_header("idempotency-key", &Uuid::new_v4().to_string())
        .signed(TOKEN, "msg-1", now);
    assert_eq!(accepted(&platform, &app, &resent).await, id);
    let other = accepted(&platform, &app, &delivery.signed(TOKEN, "msg-2", now)).await;
    assert_ne!(other, id);
    reaches(&platform, other, "duplicate").await;
    builds_of(&platform, &push.after, "succeed").await;
    platform.live(id).await.unwrap();
    assert_eq!(builds(&platform), [id]);
}

#[tokio::test]
async fn before_17_4_a_push_is_known_by_its_change() {
    let platform = Platform::start().await.unwrap();
    let app = app(&platform).await;
    let push = app.push();
    let old = |delivery: Delivery| delivery.without_header("idempotency-key");
    builds_of(&platform, &push.after, "fail").await;
    let first = accepted(&platform, &app, &old(app.delivery(&push))).await;
    let same = old(app.delivery(&push)).with_header("x-gitlab-event-uuid", "another");
    let again = accepted(&platform, &app, &same).await;
    // The failure may have been quicker than the second delivery, which is then the next attempt.
    reaches(&platform, first, "failed").await;
    reaches(&platform, again, "failed").await;
    builds_of(&platform, &push.after, "succeed").await;
    let next = accepted(&platform, &app, &same).await;
    assert_ne!(next, first);
    platform.live(next).await.unwrap();

    let mut other = push.then(&e2e::deliveries::random_sha());
    other.commits.clear();
    let id = accepted(&platform, &app, &old(app.delivery(&other))).await;
    assert_ne!(id, next);
    platform.live(id).await.unwrap();
}

//! A delivery that a person has sent again: the next attempt once the last one has failed, in the push's first place.

use e2e::{
    deliveries::{Delivery, random_sha},
    harness::{LinkedApp, Platform},
};
use paas_proto::{events::Provider, ids};
use uuid::Uuid;

use super::{at_rest, builds, builds_of, live_commit, reaches};

/// The deploy that an attempt at this delivery is.
fn attempt(app: &LinkedApp, delivery: &Delivery, number: u32) -> Uuid {
    let identity = ids::Identity::of_signed_body(Provider::Github, &delivery.body);
    ids::deploy_id(app.id, &identity, number)
}

async fn redelivered(platform: &Platform, app: &LinkedApp, delivery: &Delivery) -> Uuid {
    let answer = platform.api.deliver(app.id, delivery).await.unwrap();
    answer.deploy_id().unwrap_or_else(|| panic!("not accepted: {answer:?}"))
}

#[tokio::test]
async fn a_redelivery_after_a_failed_build_is_the_next_attempt() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let delivery = app.delivery(&push);
    builds_of(&platform, &push.after, "fail").await;
    let first = redelivered(&platform, &app, &delivery).await;
    reaches(&platform, first, "failed").await;

    builds_of(&platform, &push.after, "hang").await;
    let second = redelivered(&platform, &app, &delivery).await;
    assert_eq!([first, second], [attempt(&app, &delivery, 0), attempt(&app, &delivery, 1)]);
    assert_eq!(redelivered(&platform, &app, &delivery).await, second, "it is underway");
    reaches(&platform, second, "building").await;
    assert_eq!(redelivered(&platform, &app, &delivery).await, second, "it is underway");

    builds_of(&platform, &push.after, "fail").await;
    reaches(&platform, second, "failed").await;
    builds_of(&platform, &push.after, "succeed").await;
    let third = redelivered(&platform, &app, &delivery).await;
    assert_eq!(third, attempt(&app, &delivery, 2));
    platform.live(third).await.unwrap();
    assert_eq!(builds(&platform), [first, second, third]);
    reaches(&platform, first, "failed").await;
}

#[tokio::test]
async fn a_redelivery_after_a_cancellation_is_the_next_attempt() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let delivery = app.delivery(&push);
    builds_of(&platform, &push.after, "hang").await;
    let first = redelivered(&platform, &app, &delivery).await;
    reaches(&platform, first, "building").await;
    assert_eq!(platform.api.cancel(first).await.unwrap().status, 202);
    reaches(&platform, first, "cancelled").await;
    builds_of(&platform, &push.after, "succeed").await;
    let second = redelivered(&platform, &app, &delivery).await;
    assert_eq!(second, attempt(&app, &delivery, 1));
    platform.live(second).await.unwrap();
}

#[tokio::test]
async fn a_redelivery_of_an_older_push_never_overtakes_a_newer_one() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    // Within one second, and no chain of commits: only their place tells which is older.
    let older = app.push();
    let newer = app.push().at(older.pushed_at);
    let delivery = app.delivery(&older);
    builds_of(&platform, &older.after, "fail").await;
    let failed = redelivered(&platform, &app, &delivery).await;
    reaches(&platform, failed, "failed").await;
    let live = platform.accepted(&app, &newer).await.unwrap();
    platform.live(live).await.unwrap();

    builds_of(&platform, &older.after, "succeed").await;
    let again = redelivered(&platform, &app, &delivery).await;
    assert_eq!(again, attempt(&app, &delivery, 1));
    reaches(&platform, again, "superseded").await;
    at_rest(&platform, &app).await;
    assert_eq!(live_commit(&platform, &app).await, newer.after);
    assert_eq!(builds(&platform), [failed, live]);
}

#[tokio::test]
async fn a_redelivery_of_an_older_push_leaves_a_newer_build_alone() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let older = app.push();
    let newer = older.then(&random_sha());
    let delivery = app.delivery(&older);
    builds_of(&platform, &older.after, "fail").await;
    let failed = redelivered(&platform, &app, &delivery).await;
    reaches(&platform, failed, "failed").await;
    builds_of(&platform, &newer.after, "hang").await;
    let building = platform.accepted(&app, &newer).await.unwrap();
    reaches(&platform, building, "building").await;

    let again = redelivered(&platform, &app, &delivery).await;
    reaches(&platform, again, "superseded").await;
    builds_of(&platform, &newer.after, "succeed").await;
    platform.live(building).await.unwrap();
    assert_eq!(live_commit(&platform, &app).await, newer.after);
}

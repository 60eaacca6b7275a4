//! When Postgres or JetStream does not answer: 503 with `Retry-After`, nothing stored, and nothing lost once the
//! delivery is sent again.

use std::time::Duration;

use e2e::{
    api::Answer,
    deliveries::Delivery,
    harness::{LinkedApp, Platform},
    wait,
};
use serde_json::json;

use super::{PROVIDERS, app_of, delivered, ingress_alone, stored};

const PATIENCE: Duration = Duration::from_mins(1);

async fn cannot_accept(platform: &Platform, app: &LinkedApp, delivery: &Delivery) {
    let Answer { status, body, retry_after } = delivered(platform, app, delivery).await;
    assert_eq!((status, body), (503, json!({ "error": "cannot accept deliveries now" })));
    let seconds: u32 = retry_after.unwrap().parse().unwrap();
    assert!(seconds > 0);
}

/// Sends the delivery until it is accepted; then it is in the stream once.
async fn accepted_in_the_end(platform: &Platform, app: &LinkedApp, delivery: &Delivery) {
    let id = wait::until("the delivery to be accepted", PATIENCE, || async {
        let answer = delivered(platform, app, delivery).await;
        assert!([202, 503].contains(&answer.status), "{answer:?}");
        Ok(answer.deploy_id())
    });
    let id = id.await.unwrap();
    let of_app = stored(platform).await.into_iter().filter(|push| push.app == app.id);
    assert_eq!(of_app.map(|push| push.deploy).collect::<Vec<_>>(), [id]);
}

#[tokio::test]
async fn without_postgres_deliveries_cannot_be_accepted() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let delivery = app.delivery(&app.push());
        platform.links.ingress_to_postgres.refuse();
        cannot_accept(&platform, &app, &delivery).await;
        assert!(stored(&platform).await.iter().all(|push| push.app != app.id));
        platform.links.ingress_to_postgres.restore();
        accepted_in_the_end(&platform, &app, &delivery).await;
    }
}

#[tokio::test]
async fn a_postgres_that_does_not_answer_is_given_up_on() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let delivery = app.delivery(&app.push());
    platform.links.ingress_to_postgres.stall();
    cannot_accept(&platform, &app, &delivery).await;
    platform.links.ingress_to_postgres.restore();
    accepted_in_the_end(&platform, &app, &delivery).await;
}

#[tokio::test]
async fn without_nats_deliveries_cannot_be_accepted() {
    let platform = ingress_alone().await;
    let apps = [app_of(&platform, "github").await, app_of(&platform, "gitlab").await];
    let deliveries = apps.each_ref().map(|app| app.delivery(&app.push()));
    platform.links.ingress_to_nats.refuse();
    tokio::join!(
        cannot_accept(&platform, &apps[0], &deliveries[0]),
        cannot_accept(&platform, &apps[1], &deliveries[1]),
    );
    assert!(stored(&platform).await.is_empty());
    platform.links.ingress_to_nats.restore();
    accepted_in_the_end(&platform, &apps[0], &deliveries[0]).await;
    accepted_in_the_end(&platform, &apps[1], &deliveries[1]).await;
}

#[tokio::test]
async fn a_push_whose_acknowledgement_is_lost_is_stored_once() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let delivery = app.delivery(&app.push());
    platform.links.ingress_to_nats.stall();
    cannot_accept(&platform, &app, &delivery).await;
    // What was under way arrives now, and the redelivery means the same.
    platform.links.ingress_to_nats.restore();
    accepted_in_the_end(&platform, &app, &delivery).await;
}

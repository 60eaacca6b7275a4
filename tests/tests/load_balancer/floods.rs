//! Floods of deliveries that are not authentic: 429 for them, never for one that is.

use e2e::{
    api::Answer,
    deliveries::Delivery,
    harness::{LinkedApp, Platform},
};
use reqwest::Method;
use serde_json::json;
use uuid::Uuid;

use super::ingress_with;

const LIMIT: usize = 5;
const PROXY: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.0/8");
const ATTACKER: &str = "203.0.113.9";
const PROVIDER: &str = "192.0.2.1";

fn forged(app: &LinkedApp) -> Delivery {
    app.push().github("not the secret")
}

async fn from(platform: &Platform, client: &str, app: Uuid, delivery: &Delivery) -> Answer {
    let delivery = delivery.clone().with_header("x-forwarded-for", client);
    platform.api.deliver(app, &delivery).await.unwrap()
}

/// Sends until the limit is reached, each time from another address if there are several.
async fn flood(platform: &Platform, clients: &[&str], app: &LinkedApp) {
    for turn in 0..LIMIT {
        let client = clients[turn % clients.len()];
        assert_eq!(from(platform, client, app.id, &forged(app)).await.status, 401);
    }
}

fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status, &answer.body), (429, &json!({ "error": "too many requests" })));
    let seconds: u64 = answer.retry_after.as_deref().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
}

fn assert_accepted(answer: &Answer) {
    assert_eq!(answer.status, 202, "{answer:?}");
    assert!(answer.deploy_id().is_some());
}

#[tokio::test]
async fn an_address_that_floods_is_refused_and_its_authentic_deliveries_are_not() {
    let platform = ingress_with(&[("RATE_LIMIT_PER_ADDRESS", "5"), PROXY]).await;
    let (app, other) = (platform.app("one").await.unwrap(), platform.app("two").await.unwrap());
    flood(&platform, &[ATTACKER], &app).await;
    assert_refused(&from(&platform, ATTACKER, app.id, &forged(&app)).await);
    assert_refused(&from(&platform, ATTACKER, Uuid::new_v4(), &forged(&app)).await);
    for app in [&app, &other] {
        assert_accepted(&from(&platform, ATTACKER, app.id, &app.delivery(&app.push())).await);
    }
    // An app that was linked meanwhile, and a secret that was changed meanwhile.
    let new = platform.app("three").await.unwrap();
    assert_accepted(&from(&platform, ATTACKER, new.id, &new.delivery(&new.push())).await);
    let path = format!("/v1/apps/{}/git/webhook-secret", app.id);
    let at_once = json!({ "webhook_secret": "another secret", "retire_previous": true });
    let changed = platform.api.call(Method::PUT, &path, Some(at_once)).await.unwrap();
    let secret = changed.body["webhook_secret"].as_str().unwrap();
    assert_refused(&from(&platform, ATTACKER, app.id, &app.delivery(&app.push())).await);
    assert_accepted(&from(&platform, ATTACKER, app.id, &app.push().github(secret)).await);
    // Others get the answers that they would always get.
    assert_eq!(from(&platform, PROVIDER, other.id, &forged(&other)).await.status, 401);
}

#[tokio::test]
async fn an_app_that_is_flooded_from_everywhere_still_takes_its_providers_deliveries() {
    let settings = [("RATE_LIMIT_PER_APP", "5"), ("RATE_LIMIT_PER_ADDRESS", "0"), PROXY];
    let platform = ingress_with(&settings).await;
    let (app, other) = (platform.app("one").await.unwrap(), platform.app("two").await.unwrap());
    let everywhere = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "2001:db8::1", "2001:db8:1::1"];
    flood(&platform, &everywhere, &app).await;
    for client in [ATTACKER, PROVIDER] {
        assert_refused(&from(&platform, client, app.id, &forged(&app)).await);
        assert_accepted(&from(&platform, client, app.id, &app.delivery(&app.push())).await);
    }
    assert_eq!(from(&platform, ATTACKER, other.id, &forged(&other)).await.status, 401);
}

#[tokio::test]
async fn successes_are_not_counted() {
    let platform =
        ingress_with(&[("RATE_LIMIT_PER_ADDRESS", "1"), ("RATE_LIMIT_PER_APP", "1")]).await;
    let app = platform.app("one").await.unwrap();
    for _ in 0..4 {
        assert_accepted(&platform.push(&app, &app.push()).await.unwrap());
    }
    assert_eq!(platform.api.deliver(app.id, &forged(&app)).await.unwrap().status, 401);
    assert_refused(&platform.api.deliver(app.id, &forged(&app)).await.unwrap());
}

#[tokio::test]
async fn what_cannot_be_judged_in_a_flood_is_not_refused_for_good() {
    let platform = ingress_with(&[("RATE_LIMIT_PER_APP", "5")]).await;
    let app = platform.app("one").await.unwrap();
    flood(&platform, &["-"], &app).await;
    platform.links.ingress_to_postgres.refuse();
    for delivery in [forged(&app), app.delivery(&app.push())] {
        let answer = platform.api.deliver(app.id, &delivery).await.unwrap();
        assert_eq!(answer.status, 503, "{answer:?}");
        assert!(answer.retry_after.is_some());
    }
    platform.links.restore();
}

#[tokio::test]
async fn nobody_but_a_trusted_proxy_chooses_the_address_that_is_counted() {
    let platform = ingress_with(&[("RATE_LIMIT_PER_ADDRESS", "5")]).await;
    let app = platform.app("one").await.unwrap();
    flood(&platform, &["203.0.113.1", "203.0.113.2"], &app).await;
    assert_refused(&from(&platform, "203.0.113.3", app.id, &forged(&app)).await);
}

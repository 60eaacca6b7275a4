//! Two secrets at a time: while one takes the other's place, deliveries with either are authentic.

use e2e::{
    deliveries::Delivery,
    harness::{LinkedApp, Platform},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{app_of, delivered, ingress_alone};

/// As many deliveries with each secret during the change as before and after.
const DELIVERIES: usize = 20;

async fn put(platform: &Platform, app: &LinkedApp, body: Value) {
    let path = format!("/v1/apps/{}/git/webhook-secret", app.id);
    let answer = platform.api.call(Method::PUT, &path, Some(body)).await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
}

/// A delivery with this secret.
fn with(app: &LinkedApp, secret: &str) -> Delivery {
    let app = LinkedApp { secret: secret.to_owned(), ..app.clone() };
    app.delivery(&app.push())
}

async fn is_authentic(platform: &Platform, app: &LinkedApp, secret: &str) -> bool {
    let answer = delivered(platform, app, &with(app, secret)).await;
    assert!(matches!(answer.status, 202 | 401), "{answer:?}");
    answer.status == 202
}

/// How many deliveries showed this secret.
async fn matched(platform: &Platform, secret: &str) -> u64 {
    let url = format!("http://{}/metrics", platform.ingress[0].address());
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let name = format!("paas_ingress_secret_matched_total{{secret=\"{secret}\"");
    let line = text.lines().find(|line| line.starts_with(&name)).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn during_a_rotation_no_delivery_with_either_secret_is_refused() {
    let platform = ingress_alone().await;
    for provider in ["github", "gitlab"] {
        let app = app_of(&platform, provider).await;
        let (old, new) = (app.secret.clone(), format!("the next secret of {provider}"));
        let rotate = put(&platform, &app, json!({ "webhook_secret": new }));
        let before = async {
            for _ in 0..DELIVERIES {
                assert!(is_authentic(&platform, &app, &old).await, "{provider}: the old secret");
            }
        };
        tokio::join!(rotate, before);
        for _ in 0..DELIVERIES {
            assert!(is_authentic(&platform, &app, &new).await, "{provider}: the new secret");
            assert!(is_authentic(&platform, &app, &old).await, "{provider}: the old secret");
        }
        assert!(!is_authentic(&platform, &app, "neither of the two").await);
        assert!(matched(&platform, "previous").await >= DELIVERIES as u64);
        assert!(matched(&platform, "current").await >= DELIVERIES as u64);

        put(&platform, &app, json!({ "retire_previous": true })).await;
        assert!(!is_authentic(&platform, &app, &old).await, "{provider}: retired");
        assert!(is_authentic(&platform, &app, &new).await);
    }
}

#[tokio::test]
async fn the_secret_before_ends_by_itself() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    put(&platform, &app, json!({ "webhook_secret": "the next secret" })).await;
    let database = platform.database().await.unwrap();
    let valid_until = async |until: &str| {
        let sql = format!("update app_git_sources set previous_valid_until = {until}");
        database.batch_execute(&sql).await.unwrap();
    };
    // The provider does not know the next one yet.
    valid_until("null").await;
    assert!(is_authentic(&platform, &app, &app.secret).await);
    valid_until("now() - interval '1 second'").await;
    assert!(!is_authentic(&platform, &app, &app.secret).await);
    assert!(is_authentic(&platform, &app, "the next secret").await);
}

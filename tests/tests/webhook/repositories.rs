//! Which repository a delivery is about: the name until the provider's number is known, then the number.

use e2e::{
    deliveries::Push,
    harness::{LinkedApp, Platform},
};
use serde_json::json;

use super::{PROVIDERS, app_of, delivered, expect_queued, expect_status, ingress_alone, stored};

const MISMATCH: &str = "repository mismatch, no deploy triggered";

/// The first authentic delivery, which tells the repository's number.
async fn first_push(platform: &Platform, app: &LinkedApp) -> Push {
    let push = app.push();
    expect_queued(platform, app, &app.delivery(&push), &push.after).await;
    push
}

#[tokio::test]
async fn a_renamed_repository_is_still_the_linked_one() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        first_push(&platform, &app).await;
        let renamed = LinkedApp { repo: "new-owner/new-name".to_owned(), ..app };
        let push = renamed.push();
        // The answer has the name that the delivery has.
        expect_queued(&platform, &renamed, &renamed.delivery(&push), &push.after).await;
    }
}

#[tokio::test]
async fn another_repository_that_took_the_name_is_refused() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let first = first_push(&platform, &app).await;
        let usurper = Push { repo_id: first.repo_id + 1, ..app.push() };
        expect_status(&platform, &app, &app.delivery(&usurper), MISMATCH).await;
    }
    assert_eq!(stored(&platform).await.len(), PROVIDERS.len());
}

#[tokio::test]
async fn a_delivery_that_is_filtered_out_teaches_no_number() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let other = Push { repo: "octo/other".to_owned(), repo_id: 7, ..app.push() };
        expect_status(&platform, &app, &app.delivery(&other), MISMATCH).await;
        first_push(&platform, &app).await;
        expect_status(&platform, &app, &app.delivery(&other), MISMATCH).await;
    }
}

#[tokio::test]
async fn the_case_of_owner_and_name_does_not_matter() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let push = Push { repo: app.repo.to_uppercase(), ..app.push() };
        let answer = delivered(&platform, &app, &app.delivery(&push)).await;
        assert_eq!((answer.status, &answer.body["sha"]), (202, &json!(push.after)), "{answer:?}");
    }
}

#[tokio::test]
async fn linking_another_repository_forgets_the_number_of_the_first() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let first = first_push(&platform, &app).await;
        let link = json!({ "provider": provider, "repo_full_name": "octo/second" });
        platform.api.link(app.id, link).await.unwrap();
        expect_status(&platform, &app, &app.delivery(&app.push()), MISMATCH).await;
        let second = LinkedApp { repo: "octo/second".to_owned(), ..app };
        let push = Push { repo_id: first.repo_id + 1, ..second.push() };
        expect_queued(&platform, &second, &second.delivery(&push), &push.after).await;
    }
}

//! What becomes of a link when the provider is in trouble, or says no: the answer says what to do, and the same request
//! again does what is left.

use e2e::wait;
use serde_json::{Value, json};

use super::{action, connected, get, hooks, push_arrives, put, repository, unlink, unlinked};
use crate::aftermath::PATIENCE;

#[tokio::test]
async fn a_repository_that_is_full_or_closed_says_so() {
    let platform = connected(&["github", "gitlab"]).await;
    for provider in ["github", "gitlab"] {
        let (app, link) = unlinked(&platform, provider, &format!("by-{provider}")).await;
        platform.forge.switch(provider, json!({ "hook_limit": 0 })).await.unwrap();
        let answer = put(&platform, app, &link).await;
        assert_eq!(answer.status, 409, "{answer:?}");
        assert!(answer.body["error"].as_str().unwrap().contains("remove one"), "{answer:?}");
        let standing = get(&platform, app).await;
        assert_eq!(action(&standing), "pending");
        assert!(standing.body["webhook"]["problem"].as_str().unwrap().contains("remove one"));
        platform.forge.switch(provider, json!({ "hook_limit": null })).await.unwrap();
        assert_eq!(action(&put(&platform, app, &link).await), "registered");
        push_arrives(&platform, &link).await;
    }
    for (name, change) in [
        ("gone", json!({ "visible": false })),
        ("closed", json!({ "permissions": { "admin": false, "push": true, "pull": true } })),
    ] {
        let (app, link) = unlinked(&platform, "github", name).await;
        platform.forge.change_repo("github", &format!("octo/{name}"), change).await.unwrap();
        let answer = put(&platform, app, &link).await;
        assert_eq!(answer.status, 422, "{answer:?}");
        assert_eq!(get(&platform, app).await.status, 404, "nothing is linked");
    }
}

#[tokio::test]
async fn a_link_to_a_provider_that_does_not_answer_is_finished_later() {
    let platform = connected(&["github", "gitlab", "forgejo"]).await;
    let upsets = [
        ("github", json!({ "down": true }), json!({ "down": false })),
        ("gitlab", json!({ "rate_limited_seconds": 600 }), json!({ "rate_limited_seconds": 0 })),
        ("forgejo", json!({ "slow_ms": 11_000 }), json!({ "slow_ms": 0 })),
    ];
    for (provider, upset, calm) in upsets {
        let (app, link) = unlinked(&platform, provider, &format!("by-{provider}")).await;
        platform.forge.switch(provider, upset).await.unwrap();
        let answer = put(&platform, app, &link).await;
        assert_eq!(action(&answer), "pending", "{answer:?}");
        assert!(!answer.body["webhook"]["problem"].as_str().unwrap().is_empty());
        platform.forge.switch(provider, calm).await.unwrap();
        assert_eq!(action(&put(&platform, app, &link).await), "registered");
        assert_eq!(hooks(&platform, &link).await, 1);
        push_arrives(&platform, &link).await;
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_makes_no_second_webhook() {
    let platform = connected(&["github", "gitlab", "forgejo"]).await;
    for provider in ["github", "gitlab", "forgejo"] {
        let (app, link) = unlinked(&platform, provider, &format!("by-{provider}")).await;
        let lost = json!({ "fail_next": [{ "count": 1, "status": 0, "method": "POST",
                                           "path": "hooks", "after_effect": true }] });
        platform.forge.switch(provider, lost).await.unwrap();
        let first = put(&platform, app, &link).await;
        assert_eq!(first.status, 200, "{first:?}");
        let second = put(&platform, app, &link).await;
        assert!(["updated", "unchanged"].contains(&action(&second)), "{second:?}");
        assert_eq!(hooks(&platform, &link).await, 1);
        push_arrives(&platform, &link).await;
    }
}

#[tokio::test]
async fn what_could_not_be_removed_is_remembered_and_removed_later() {
    let platform = connected(&["github", "gitlab"]).await;
    let (app, old) = unlinked(&platform, "github", "old").await;
    put(&platform, app, &old).await;
    let new = repository(&platform, "gitlab", "new").await;
    platform.forge.switch("github", json!({ "down": true })).await.unwrap();
    assert_eq!(action(&put(&platform, app, &new).await), "registered");
    platform.forge.switch("github", json!({ "down": false })).await.unwrap();
    assert_eq!(hooks(&platform, &old).await, 1);
    assert_eq!(action(&put(&platform, app, &new).await), "unchanged");
    assert_eq!(hooks(&platform, &old).await, 0);
}

#[tokio::test]
async fn the_sweeper_finishes_what_a_person_began() {
    let options = e2e::harness::Options {
        forge: true,
        deployers_run: false,
        ingress_env: vec![("SWEEP_SECONDS", "1".to_owned())],
        ..e2e::harness::Options::default()
    };
    let platform = e2e::harness::Platform::start_with(options).await.unwrap();
    platform.connect("github").await.unwrap();
    let (app, link) = unlinked(&platform, "github", "hello").await;
    let down = |down: bool| platform.forge.switch("github", json!({ "down": down }));
    down(true).await.unwrap();
    assert_eq!(action(&put(&platform, app, &link).await), "pending");
    down(false).await.unwrap();
    wait::until("the webhook", PATIENCE, || async {
        Ok((get(&platform, app).await.body["webhook"]["action"] == "unchanged").then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(hooks(&platform, &link).await, 1);
    down(true).await.unwrap();
    let answer = unlink(&platform, app).await;
    assert_eq!(action(&answer), "pending", "{answer:?}");
    assert_ne!(answer.body["webhook"]["problem"], Value::Null);
    assert_eq!(get(&platform, app).await.status, 404);
    down(false).await.unwrap();
    wait::until("the webhook to be gone", PATIENCE, || async {
        Ok((hooks(&platform, &link).await == 0).then_some(()))
    })
    .await
    .unwrap();
}

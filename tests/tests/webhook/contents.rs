//! What pushes look like that are easily taken for something else, or for nothing.

use e2e::{
    deliveries::{Delivery, NO_COMMIT, Push, github_event, gitlab_event, random_sha},
    harness::{LinkedApp, Platform},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{PROVIDERS, app_of, expect, expect_queued, expect_status, ingress_alone, stored};

fn body(app: &LinkedApp, push: &Push) -> Value {
    if app.provider == "gitlab" { push.gitlab_body() } else { push.github_body() }
}

/// The push event with this body.
fn event(app: &LinkedApp, body: &Value) -> Delivery {
    match app.provider {
        "gitlab" => gitlab_event("Push Hook", body, &app.secret),
        _ => github_event("push", body, &app.secret),
    }
}

#[tokio::test]
async fn tags_are_never_the_branch() {
    let platform = ingress_alone().await;
    let mismatch = "branch mismatch, no deploy triggered";
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        for name in ["refs/tags/v1.0.0", "refs/tags/main"] {
            let mut push = app.push();
            name.clone_into(&mut push.reference);
            NO_COMMIT.clone_into(&mut push.before);
            // Lightweight: `after` is the commit itself.
            expect_status(&platform, &app, &app.delivery(&push), mismatch).await;
            // Annotated: `after` is the tag, the commit is elsewhere.
            let commit = random_sha();
            let mut annotated = body(&app, &push);
            annotated["checkout_sha"] = commit.clone().into();
            annotated["head_commit"] = json!({ "id": commit });
            annotated["base_ref"] = "refs/heads/main".into();
            expect_status(&platform, &app, &event(&app, &annotated), mismatch).await;
            // Deleted.
            let deleted = app.delivery(&push.of(NO_COMMIT));
            let text = "branch deleted, no deploy triggered";
            expect_status(&platform, &app, &deleted, text).await;
        }
    }
    assert!(stored(&platform).await.is_empty());
}

#[tokio::test]
async fn a_push_without_commits_is_deployed() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        // Set back to an ancestor.
        let mut back = app.push();
        back.commits.clear();
        expect_queued(&platform, &app, &app.delivery(&back), &back.after).await;
        // A new branch at a commit that was there before.
        let mut new = app.push();
        new.commits.clear();
        NO_COMMIT.clone_into(&mut new.before);
        expect_queued(&platform, &app, &app.delivery(&new), &new.after).await;
    }
}

#[tokio::test]
async fn after_is_deployed_whatever_the_other_fields_say() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let push = app.push();
        let mut null = body(&app, &push);
        null["head_commit"] = json!(null);
        null["base_ref"] = json!(null);
        null["commits"] = json!(null);
        expect_queued(&platform, &app, &event(&app, &null), &push.after).await;

        let push = app.push();
        let mut other = body(&app, &push);
        other["head_commit"] = json!({ "id": random_sha() });
        other["checkout_sha"] = random_sha().into();
        other["commits"] = json!([{ "id": random_sha() }, { "id": random_sha() }]);
        expect_queued(&platform, &app, &event(&app, &other), &push.after).await;
    }
}

#[tokio::test]
async fn a_forced_push_is_deployed() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let push = app.push();
    let mut forced = push.github_body();
    forced["forced"] = true.into();
    expect_queued(&platform, &app, &event(&app, &forced), &push.after).await;
}

#[tokio::test]
async fn a_long_list_of_commits_is_taken_in() {
    let platform = ingress_alone().await;
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let mut push = app.push();
        push.commits = (0..2048)
            .map(|n| {
                (format!("Commit {n}"), vec![format!("src/a/rather/long/path/of/file-{n}.rs")])
            })
            .collect();
        expect_queued(&platform, &app, &app.delivery(&push), &push.after).await;
    }
}

#[tokio::test]
async fn a_commit_of_64_digits_goes_live() {
    let platform = Platform::start().await.unwrap();
    for provider in PROVIDERS {
        let app = app_of(&platform, provider).await;
        let sha = hex::encode(rand::random::<[u8; 32]>());
        let push = Push { before: "0".repeat(64), ..app.push() }.of(&sha);
        let id = platform.accepted(&app, &push).await.unwrap();
        assert_eq!(platform.live(id).await.unwrap().sha, sha);
    }
}

#[tokio::test]
async fn a_form_is_read_and_its_raw_bytes_are_what_is_signed() {
    let platform = ingress_alone().await;
    let app = app_of(&platform, "github").await;
    let push = app.push();
    let form = app.delivery(&push).as_form(&app.secret);
    expect_queued(&platform, &app, &form, &push.after).await;
    let malformed = json!({ "error": "malformed JSON" });
    for body in ["", "payload=", "payload=%7B", "other=%7B%7D", "payload"] {
        let odd = form.clone().with_signed_body(body, &app.secret);
        expect(&platform, &app, &odd, 400, malformed.clone()).await;
    }
}

#[tokio::test]
async fn the_published_vectors_of_github_are_authentic() {
    let platform = ingress_alone().await;
    let mut app = app_of(&platform, "github").await;
    "It's a Secret to Everybody".clone_into(&mut app.secret);
    let path = format!("/v1/apps/{}/git/webhook-secret", app.id);
    let secret = Some(json!({ "webhook_secret": app.secret }));
    assert_eq!(platform.api.call(Method::PUT, &path, secret).await.unwrap().status, 200);
    let with = |body: &'static str, content_type, signature: &str| {
        Delivery { body: body.into(), ..app.delivery(&app.push()) }
            .with_header("content-type", content_type)
            .with_header("x-hub-signature-256", &format!("sha256={signature}"))
    };
    // Authentic, and then no push: 401 would say otherwise.
    let malformed = json!({ "error": "malformed JSON" });
    let json = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let hello = with("Hello, World!", "application/json", json);
    expect(&platform, &app, &hello, 400, malformed.clone()).await;
    let ping = hello.with_header("x-github-event", "ping");
    expect(&platform, &app, &ping, 200, json!({ "ping": "ok" })).await;
    let form = "720493f557150a271b7cfdd9904c5fe4697f30c44588f8b452d36abc47b8796c";
    let body = "payload=%7B%22ref%22%3A%22refs%2Fheads%2Fmain%22%7D";
    let form = with(body, "application/x-www-form-urlencoded", form);
    expect(&platform, &app, &form, 400, malformed).await;
}

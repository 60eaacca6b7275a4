//! Reading deploys, cancelling them, rolling back.

use e2e::{deliveries::random_sha, harness::Platform, wait};
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{call, get, is_refused, names};
use crate::identity::{builds_of, live_commit, reaches, rollouts_of};

async fn deploy(platform: &Platform, id: Uuid) -> Value {
    get(platform, &format!("/v1/deploys/{id}")).await.body
}

fn events(deploy: &Value) -> Vec<&str> {
    let events = deploy["events"].as_array().unwrap();
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn a_live_deploy_tells_what_it_is_and_what_happened() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let id = platform.accepted(&app, &push).await.unwrap();
    platform.live(id).await.unwrap();
    let deploy = deploy(&platform, id).await;
    let fields = [
        "app_id",
        "branch",
        "created_at",
        "deploy_id",
        "events",
        "image",
        "repo",
        "sha",
        "source",
        "state",
        "updated_at",
    ];
    assert_eq!(names(&deploy), fields);
    assert_eq!(deploy["deploy_id"], json!(id));
    assert_eq!(deploy["app_id"], json!(app.id));
    assert_eq!(deploy["repo"], app.repo);
    assert_eq!(deploy["branch"], "main");
    assert_eq!(deploy["sha"], push.after);
    assert_eq!(deploy["source"], format!("github_webhook:{}", push.after));
    assert_eq!(deploy["state"], "live");
    assert!(deploy["image"].as_str().unwrap().contains("@sha256:"));
    let at = |value: &Value| value.as_str().unwrap().parse::<Timestamp>().unwrap();
    assert!(at(&deploy["created_at"]) <= at(&deploy["updated_at"]));

    let story = ["requested", "build_started", "built", "rollout_started", "went_live"];
    assert_eq!(events(&deploy), story);
    for (index, event) in deploy["events"].as_array().unwrap().iter().enumerate() {
        assert_eq!(names(event), ["at", "type", "version"]);
        assert_eq!(event["version"], json!(index + 1));
        assert!(at(&event["at"]) >= at(&deploy["created_at"]));
    }
}

#[tokio::test]
async fn a_failed_build_says_why() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    builds_of(&platform, &push.after, "fail").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    reaches(&platform, id, "failed").await;
    let deploy = deploy(&platform, id).await;
    assert!(deploy["reason"].as_str().unwrap().starts_with("build failed: "), "{deploy}");
    assert!(deploy.get("image").is_none());
    assert_eq!(events(&deploy), ["requested", "build_started", "failed"]);
}

#[tokio::test]
async fn deploys_are_listed_newest_first_and_in_pages() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let path = format!("/v1/apps/{}/deploys", app.id);
    assert_eq!(get(&platform, &path).await.body, json!({ "deploys": [] }));
    let mut push = app.push();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let id = platform.accepted(&app, &push).await.unwrap();
        platform.live(id).await.unwrap();
        ids.insert(0, json!(id));
        push = push.then(&random_sha());
    }
    let listed = |page: &Value| -> Vec<Value> {
        page["deploys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|deploy| deploy["deploy_id"].clone())
            .collect()
    };
    let all = get(&platform, &path).await.body;
    assert_eq!(listed(&all), ids);
    assert!(all.get("next_page_token").is_none());
    let first = get(&platform, &format!("{path}?page_size=2")).await.body;
    assert_eq!(listed(&first), ids[..2]);
    let token = first["next_page_token"].as_str().unwrap();
    let rest = get(&platform, &format!("{path}?page_size=2&page_token={token}")).await.body;
    assert_eq!(listed(&rest), ids[2..]);
    for wrong in ["page_size=many", "page_token=junk", "pages=2"] {
        is_refused(&get(&platform, &format!("{path}?{wrong}")).await, 422);
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let platform = Platform::start().await.unwrap();
    for id in [Uuid::new_v4().to_string(), "hello".to_owned()] {
        is_refused(&get(&platform, &format!("/v1/deploys/{id}")).await, 404);
        is_refused(&get(&platform, &format!("/v1/apps/{id}/deploys")).await, 404);
        let path = format!("/v1/deploys/{id}/cancel");
        is_refused(&call(&platform, Method::POST, &path, json!({})).await, 404);
        let path = format!("/v1/apps/{id}/rollback");
        is_refused(&call(&platform, Method::POST, &path, json!({})).await, 404);
    }
}

#[tokio::test]
async fn a_deploy_is_cancelled_once() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    builds_of(&platform, &push.after, "hang").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    reaches(&platform, id, "building").await;
    let answer = platform.api.cancel(id).await.unwrap();
    assert_eq!((answer.status, &answer.body), (202, &json!({ "deploy_id": id })));
    reaches(&platform, id, "cancelled").await;
    let ended = deploy(&platform, id).await;
    assert!(ended["reason"].as_str().unwrap().starts_with("cancelled by "), "{ended}");
    is_refused(&platform.api.cancel(id).await.unwrap(), 409);
    let stopped = || async {
        let deploy = deploy(&platform, id).await;
        Ok(events(&deploy).contains(&"build_stopped").then_some(()))
    };
    wait::until("the build to be stopped", crate::identity::PATIENCE, stopped).await.unwrap();
}

#[tokio::test]
async fn a_rollback_goes_to_the_release_before_or_to_the_one_that_is_named() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    is_refused(&platform.api.roll_back(app.id, None).await.unwrap(), 409);
    let mut push = app.push();
    let (mut ids, mut commits) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let id = platform.accepted(&app, &push).await.unwrap();
        platform.live(id).await.unwrap();
        ids.push(id);
        commits.push(push.after.clone());
        push = push.then(&random_sha());
    }
    let answer = platform.api.roll_back(app.id, None).await.unwrap();
    assert_eq!((answer.status, names(&answer.body)), (202, vec!["deploy_id"]));
    let id = answer.deploy_id().unwrap();
    let live = platform.live(id).await.unwrap();
    assert_eq!((live.source.as_str(), &live.sha), ("rollback:2", &commits[1]));
    assert_eq!(live_commit(&platform, &app).await, commits[1]);

    // It pauses auto-deploy, and says so to pushes.
    let answer = platform.push(&app, &push).await.unwrap();
    assert_eq!(answer.body, json!({ "status": "auto_deploy disabled" }));
    let source = get(&platform, &format!("/v1/apps/{}/git/source", app.id)).await.body;
    assert_eq!(source["auto_deploy_paused_by"], json!(id));

    let named = platform.api.roll_back(app.id, Some(ids[0])).await.unwrap();
    let live = platform.live(named.deploy_id().unwrap()).await.unwrap();
    assert_eq!((live.source.as_str(), &live.sha), ("rollback:1", &commits[0]));
    is_refused(&platform.api.roll_back(app.id, Some(Uuid::new_v4())).await.unwrap(), 409);

    let resume = format!("/v1/apps/{}/resume", app.id);
    let answer = call(&platform, Method::POST, &resume, json!({})).await;
    assert_eq!(answer.status, 200);
    let id = platform.accepted(&app, &push).await.unwrap();
    platform.live(id).await.unwrap();
}

#[tokio::test]
async fn the_first_rollout_of_an_app_cannot_be_cancelled() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    rollouts_of(&platform, &push.after, "hang").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    reaches(&platform, id, "rolling_out").await;
    is_refused(&platform.api.cancel(id).await.unwrap(), 409);
    rollouts_of(&platform, &push.after, "succeed").await;
    platform.live(id).await.unwrap();
}

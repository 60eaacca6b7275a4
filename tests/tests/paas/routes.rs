//! The routes beneath: streams of events and of lines, as any HTTP client sees them.

use e2e::harness::Platform;
use reqwest::{Method, Response};
use serde_json::{Value, json};

use crate::identity::{builds_of, reaches};

async fn call(platform: &Platform, method: Method, path: &str, body: Value) -> Response {
    let url = format!("{}{path}", platform.api.url());
    let request = e2e::api::http_client().unwrap().request(method, url).json(&body);
    request.bearer_auth(&platform.wiring().keys.api_token).send().await.unwrap()
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers()[name].to_str().unwrap()
}

#[tokio::test]
async fn a_watch_is_a_stream_of_events_that_ends_with_the_deploy() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    let push = app.push();
    builds_of(&platform, &push.after, "hang").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    reaches(&platform, id, "building").await;
    let path = format!("/v1/deploys/{id}/watch");
    let mut answer = call(&platform, Method::GET, &path, json!({})).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-type"), "text/event-stream");
    assert_eq!(header(&answer, "cache-control"), "no-store");
    let first = answer.chunk().await.unwrap().unwrap();
    assert!(first.starts_with(b"event: deploy\ndata: {"), "{first:?}");
    builds_of(&platform, &push.after, "succeed").await;
    let mut text = String::from_utf8(first.to_vec()).unwrap();
    text += &answer.text().await.unwrap();
    let data = text.lines().filter_map(|line| line.strip_prefix("data: "));
    let deploys: Vec<Value> = data.map(|json| serde_json::from_str(json).unwrap()).collect();
    assert_eq!(deploys[0]["state"], "building");
    let deploy = call(&platform, Method::GET, &format!("/v1/deploys/{id}"), json!({})).await;
    assert_eq!(deploys.last(), Some(&deploy.json::<Value>().await.unwrap()));
}

#[tokio::test]
async fn a_replay_is_a_stream_of_lines_and_dry_unless_it_is_told_otherwise() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    let push = app.push();
    let id = platform.accepted(&app, &push).await.unwrap();
    platform.live(id).await.unwrap();
    let answer = call(&platform, Method::POST, "/v1/replays", json!({})).await;
    assert_eq!(answer.status(), 200);
    assert_eq!(header(&answer, "content-type"), "application/x-ndjson");
    let text = answer.text().await.unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [known, summary] = &lines[..] else { panic!("{text}") };
    let published_at = &known["published_at"];
    assert!(published_at.as_str().unwrap().parse::<jiff::Timestamp>().is_ok(), "{known}");
    let expected = json!({
        "sequence": 1, "published_at": published_at, "deploy_id": id, "app_id": app.id, "sha": push.after,
        "branch": "main", "outcome": "already_recorded",
    });
    assert_eq!(*known, expected);
    let expected = json!({ "summary": {
        "dry_run": true, "examined": 1, "already_recorded": 1, "would_take_in": 0, "taken_in": 0, "dead_lettered": 0,
    }});
    assert_eq!(*summary, expected);

    for (body, status) in [
        (json!({ "since": "yesterday" }), 422),
        (json!({ "everything": true }), 422),
        (json!([]), 422),
        (json!({ "app_id": uuid::Uuid::new_v4() }), 404),
    ] {
        let answer = call(&platform, Method::POST, "/v1/replays", body.clone()).await;
        assert_eq!(answer.status(), status, "{body}");
        assert!(answer.json::<Value>().await.unwrap()["error"].is_string(), "{body}");
    }
}

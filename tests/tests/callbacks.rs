//! Word of a build from outside: a hint that wakes its deploy, and never more than that.

use std::time::Duration;

use e2e::{
    api::Answer,
    harness::{Options, Platform},
    wait,
};
use paas_proto::{callback::TOKEN_HEADER, ids, streams::Prefix};
use reqwest::RequestBuilder;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::identity::{PATIENCE, builds, builds_of, reaches};

fn http() -> reqwest::Client {
    e2e::api::http_client().unwrap()
}

async fn answer(request: RequestBuilder) -> Answer {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    Answer { status, body: answer.json().await.unwrap(), retry_after: None }
}

/// A request of the pipeline's last task.
fn callback(platform: &Platform, deploy: &str) -> RequestBuilder {
    let url = format!("{}/v1/callbacks/builds/{deploy}", platform.api.url());
    http().post(url).json(&json!({ "run": "a run", "status": "Succeeded" }))
}

/// One of Tekton's events about the run of this name.
fn cloud_event(platform: &Platform, run: &str) -> RequestBuilder {
    let succeeded = json!([{ "type": "Succeeded", "status": "True", "reason": "Succeeded" }]);
    http()
        .post(format!("{}/v1/callbacks/tekton", platform.api.url()))
        .header("ce-id", Uuid::new_v4().to_string())
        .header("ce-specversion", "1.0")
        .header("ce-type", "dev.tekton.event.pipelinerun.successful.v1")
        .json(&json!({ "pipelineRun": { "metadata": { "name": run }, "status": { "conditions": succeeded } } }))
}

/// The token that stands on the run of a deploy.
fn token(platform: &Platform, deploy: Uuid) -> String {
    let audit = platform.audit().unwrap();
    let run = audit.iter().find(|w| w.starts_a_build() && w.deploy_id() == Some(deploy)).unwrap();
    let parameters = run.body["spec"]["params"].as_array().unwrap();
    let token = parameters.iter().find(|parameter| parameter["name"] == "callback-token").unwrap();
    token["value"].as_str().unwrap().to_owned()
}

/// How many reports were ever published.
async fn reports(platform: &Platform) -> u64 {
    let prefix: Prefix = platform.wiring().stream_prefix.parse().unwrap();
    let jetstream = platform.jetstream().await.unwrap();
    jetstream.get_stream(prefix.builds()).await.unwrap().cached_info().state.messages
}

/// A platform that asks no run by itself while the test lasts, with a build that does not end.
async fn with_a_build(name: &str) -> (Platform, Uuid, String) {
    let platform = Platform::start().await.unwrap();
    let app = platform.app(name).await.unwrap();
    let push = app.push();
    builds_of(&platform, &push.after, "hang").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    reaches(&platform, id, "building").await;
    (platform, id, push.after)
}

/// Lets the build end well, and the deploy go live.
async fn finish(platform: &Platform, id: Uuid, sha: &str) {
    builds_of(platform, sha, "succeed").await;
    platform.live(id).await.unwrap();
    assert_eq!(builds(platform), [id]);
}

fn queued() -> Answer {
    Answer { status: 202, body: json!({ "status": "queued" }), retry_after: None }
}

fn refused(status: u16, error: &str) -> Answer {
    Answer { status, body: json!({ "error": error }), retry_after: None }
}

#[tokio::test]
async fn a_callback_with_the_runs_token_is_passed_on() {
    let (platform, id, sha) = with_a_build("hello").await;
    let request = callback(&platform, &id.to_string()).header(TOKEN_HEADER, token(&platform, id));
    assert_eq!(answer(request).await, queued());
    assert_eq!(reports(&platform).await, 1);
    finish(&platform, id, &sha).await;
}

#[tokio::test]
async fn a_callback_without_the_right_token_is_refused_and_changes_nothing() {
    let (platform, id, sha) = with_a_build("hello").await;
    let before = platform.api.deploy(id).await.unwrap();
    let right = token(&platform, id);
    let wrong = refused(401, "invalid callback token");
    assert_eq!(answer(callback(&platform, &id.to_string())).await, wrong);
    let forged =
        ["", "junk", &"0".repeat(64), &right[1..], &format!("{right}00")].map(str::to_owned);
    for token in forged {
        let request = callback(&platform, &id.to_string()).header(TOKEN_HEADER, token);
        assert_eq!(answer(request).await, wrong);
    }
    assert_eq!(reports(&platform).await, 0);
    let after = platform.api.deploy(id).await.unwrap();
    assert_eq!((after.state, after.events), (before.state, before.events));
    finish(&platform, id, &sha).await;
}

#[tokio::test]
async fn the_token_of_another_deploy_is_refused() {
    let (platform, id, sha) = with_a_build("hello").await;
    let other = platform.app("other").await.unwrap();
    let other = platform.accepted(&other, &other.push()).await.unwrap();
    platform.live(other).await.unwrap();
    let request =
        callback(&platform, &id.to_string()).header(TOKEN_HEADER, token(&platform, other));
    assert_eq!(answer(request).await, refused(401, "invalid callback token"));
    builds_of(&platform, &sha, "succeed").await;
    platform.live(id).await.unwrap();
}

#[tokio::test]
async fn a_callback_about_an_unknown_deploy_is_not_found() {
    let (platform, id, sha) = with_a_build("hello").await;
    let missing = refused(404, "no such deploy");
    let key: paas_proto::callback::CallbackKey =
        platform.wiring().keys.callback_key.parse().unwrap();
    let unknown = Uuid::new_v4();
    let request = callback(&platform, &unknown.to_string());
    assert_eq!(answer(request.header(TOKEN_HEADER, key.token(unknown))).await, missing);
    let request = callback(&platform, "hello").header(TOKEN_HEADER, token(&platform, id));
    assert_eq!(answer(request).await, missing);
    finish(&platform, id, &sha).await;
}

#[tokio::test]
async fn a_cloud_event_needs_tektons_password() {
    let (platform, id, sha) = with_a_build("hello").await;
    let run = ids::run_name(id);
    let password = platform.wiring().keys.tekton_events_token.clone();
    let wrong = refused(401, "invalid credentials");
    let event = || cloud_event(&platform, &run);
    assert_eq!(answer(event()).await, wrong);
    assert_eq!(answer(event().basic_auth("tekton", Some("junk"))).await, wrong);
    assert_eq!(answer(event().basic_auth("tekton", Some(""))).await, wrong);
    assert_eq!(answer(event().basic_auth("admin", Some(&password))).await, wrong);
    assert_eq!(answer(event().bearer_auth(&password)).await, wrong);
    assert_eq!(reports(&platform).await, 0);

    assert_eq!(answer(event().basic_auth("tekton", Some(&password))).await, queued());
    assert_eq!(reports(&platform).await, 1);
    let ignored = Answer { status: 200, body: json!({ "status": "ignored" }), retry_after: None };
    for run in ["somebody-elses-run", &ids::run_name(Uuid::new_v4())] {
        let other = cloud_event(&platform, run).basic_auth("tekton", Some(&password));
        assert_eq!(answer(other).await, ignored);
    }
    let malformed = event().body("{").basic_auth("tekton", Some(&password));
    assert_eq!(answer(malformed).await, refused(400, "malformed JSON"));
    finish(&platform, id, &sha).await;
}

#[tokio::test]
async fn word_of_success_while_the_run_still_runs_changes_nothing() {
    let (platform, id, sha) = with_a_build("hello").await;
    let before = platform.api.deploy(id).await.unwrap();
    let password = platform.wiring().keys.tekton_events_token.clone();
    for _ in 0..3 {
        let request =
            callback(&platform, &id.to_string()).header(TOKEN_HEADER, token(&platform, id));
        assert_eq!(answer(request).await, queued());
        let event = cloud_event(&platform, &ids::run_name(id));
        assert_eq!(answer(event.basic_auth("tekton", Some(&password))).await, queued());
    }
    let prefix: Prefix = platform.wiring().stream_prefix.parse().unwrap();
    let jetstream = platform.jetstream().await.unwrap();
    wait::until("the reports to be taken in", PATIENCE, || async {
        let consumer: async_nats::jetstream::consumer::PullConsumer = jetstream
            .get_consumer_from_stream(paas_proto::streams::DEPLOYER, prefix.builds())
            .await?;
        let info = consumer.cached_info();
        Ok((info.num_pending == 0 && info.num_ack_pending == 0).then_some(()))
    })
    .await
    .unwrap();
    let after = platform.api.deploy(id).await.unwrap();
    assert_eq!((after.state.as_str(), after.events), ("building", before.events));
    finish(&platform, id, &sha).await;
}

#[tokio::test]
async fn a_lost_callback_costs_seconds_and_not_the_deploy() {
    let platform = Platform::start().await.unwrap();
    platform.switch(json!({ "callbacks": false, "cloud_events": false })).await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.live(id).await.unwrap();
    assert_eq!(reports(&platform).await, 0);
}

#[tokio::test]
async fn a_lost_callback_and_a_broken_watch_still_end_in_a_live_deploy() {
    let options = Options { build: Duration::from_secs(1), ..Options::default() };
    let platform = Platform::start_with(options).await.unwrap();
    platform.switch(json!({ "callbacks": false, "cloud_events": false })).await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    reaches(&platform, id, "building").await;
    platform.upset_cluster("break-watches").await.unwrap();
    platform.live(id).await.unwrap();
}

#[tokio::test]
async fn a_callback_to_another_method_is_refused() {
    let platform = Platform::start().await.unwrap();
    let url = format!("{}/v1/callbacks/tekton", platform.api.url());
    let answer = http().get(url).send().await.unwrap();
    assert_eq!(answer.status(), 405);
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body, json!({ "error": "method not allowed" }));
}

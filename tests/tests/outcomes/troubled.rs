//! Trouble that costs time and no deploy: callbacks that are lost or forged, a missing permission, broken watches.

use std::time::Duration;

use async_nats::jetstream::consumer::{Consumer, pull};
use e2e::harness::{Options, Platform};
use paas_proto::{
    callback::{CallbackKey, TOKEN_HEADER},
    streams::{DEPLOYER, Prefix},
};
use serde_json::json;
use uuid::Uuid;

use super::{course, end_of, next, pushed_until};
use crate::aftermath::{self, PATIENCE};

/// Neither the pipeline nor Tekton says a word.
async fn silence(platform: &Platform) {
    platform.switch(json!({ "callbacks": false, "cloud_events": false })).await.unwrap();
}

#[tokio::test]
async fn a_lost_callback_costs_no_deploy() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    silence(&platform).await;
    let id = pushed_until(&platform, &app, &app.push(), "live").await;
    aftermath::is_in_order(&platform, &[id]).await;
}

/// Calls back in the name of a build; the status of the answer.
async fn call_back(platform: &Platform, id: Uuid, token: &str) -> u16 {
    let url = format!("{}/v1/callbacks/builds/{id}", platform.api.url());
    let request = e2e::api::http_client().unwrap().post(url).header(TOKEN_HEADER, token);
    request.json(&json!({ "status": "Succeeded" })).send().await.unwrap().status().as_u16()
}

async fn hints_are_taken_in(platform: &Platform) {
    let prefix: Prefix = platform.wiring().stream_prefix.parse().unwrap();
    let jetstream = platform.jetstream().await.unwrap();
    e2e::wait::until("the hint to be taken in", PATIENCE, || async {
        let builds: Consumer<pull::Config> =
            jetstream.get_consumer_from_stream(DEPLOYER, prefix.builds()).await?;
        let info = builds.get_info().await?;
        Ok((info.num_pending == 0 && info.num_ack_pending == 0).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_forged_callback_is_refused_and_a_true_one_is_only_a_hint() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    course(&platform, &push, json!({ "build": "hang" })).await;
    let id = pushed_until(&platform, &app, &push, "building").await;
    let key: CallbackKey = platform.wiring().keys.callback_key.parse().unwrap();
    assert_eq!(call_back(&platform, id, "").await, 401);
    assert_eq!(call_back(&platform, id, &key.token(Uuid::new_v4())).await, 401);
    assert_eq!(call_back(&platform, id, &key.token(id)).await, 202);

    // The hint is taken in, and the run is read: it still runs.
    hints_are_taken_in(&platform).await;
    assert_eq!(platform.api.deploy(id).await.unwrap().state, "building");
    platform.api.cancel(id).await.unwrap();
    assert_eq!(end_of(&platform, id).await.0, "cancelled");
    aftermath::is_in_order(&platform, &[id]).await;
}

/// While RBAC refuses this, the deploy stays in a state; once it is granted, it goes live by itself.
async fn refused_then_granted(verb: &str, resource: &str, state: &str) {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let refusal = json!([{ "verb": verb, "resource": resource }]);
    platform.switch(json!({ "refuse": refusal })).await.unwrap();
    let id = pushed_until(&platform, &app, &app.push(), state).await;
    let refused = "(see k8s/README.md on permissions)";
    e2e::wait::until("the refusal to be logged", PATIENCE, || async {
        Ok(platform.deployer[0].log().contains(refused).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(platform.api.deploy(id).await.unwrap().state, state);
    platform.switch(json!({ "refuse": [] })).await.unwrap();
    platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
    aftermath::is_in_order(&platform, &[id]).await;
}

#[tokio::test]
async fn a_build_starts_when_the_permission_is_given() {
    refused_then_granted("create", "pipelineruns", "requested").await;
}

#[tokio::test]
async fn a_build_is_read_when_the_permission_is_given() {
    refused_then_granted("get", "pipelineruns", "building").await;
}

#[tokio::test]
async fn a_rollout_goes_on_when_the_permission_is_given() {
    refused_then_granted("create", "deployments", "rolling_out").await;
}

#[tokio::test]
async fn broken_watches_and_a_forgotten_history_cost_no_deploy() {
    let options = Options { build: Duration::from_secs(1), ..Options::default() };
    let platform = Platform::start_with(options).await.unwrap();
    let app = platform.app("hello").await.unwrap();
    silence(&platform).await;
    let mut push = app.push();
    let mut accepted = Vec::new();
    for acts in [&["break-watches"][..], &["expire-history"], &["expire-history", "break-watches"]]
    {
        let id = pushed_until(&platform, &app, &push, "building").await;
        for act in acts {
            platform.upset_cluster(act).await.unwrap();
        }
        platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
        accepted.push(id);
        push = next(&push);
    }
    aftermath::is_in_order(&platform, &accepted).await;
}

#[tokio::test]
async fn an_api_server_that_fails_now_and_then_costs_no_deploy() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let mut push = app.push();
    let mut accepted = Vec::new();
    for status in [500, 503, 429] {
        platform.switch(json!({ "fail_next": { "count": 5, "status": status } })).await.unwrap();
        accepted.push(pushed_until(&platform, &app, &push, "live").await);
        push = next(&push);
    }
    aftermath::is_in_order(&platform, &accepted).await;
}

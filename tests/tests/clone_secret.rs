//! The Secret with a build's clone credential: made, owned, gone, and nowhere else.

use e2e::wait;
use paas_proto::{
    cluster::{BuildPhase, CloneCredential, StartBuildRequest},
    ids,
};
use reqwest::Method;
use serde_json::{Value, json};
use tonic::Code;

use crate::cluster_logs::alone::{Alone, DEPLOY, PATIENCE, order, writing};

const PASSWORD: &str = "gho_canary/+1";

fn private() -> StartBuildRequest {
    let (username, password) = ("x-access-token".to_owned(), PASSWORD.to_owned());
    StartBuildRequest { clone_credential: Some(CloneCredential { username, password }), ..order() }
}

fn place(kind: &str) -> String {
    let group = if kind == "secrets" { "api/v1" } else { "apis/tekton.dev/v1" };
    format!("/{group}/namespaces/paas-builds/{kind}/{}", ids::run_name(DEPLOY))
}

async fn secret(alone: &Alone) -> (u16, Value) {
    alone.cluster(Method::GET, &place("secrets")).await
}

#[tokio::test]
async fn a_build_clones_with_a_secret_of_its_own_that_is_gone_when_it_has_ended() {
    let mut alone = Alone::start(writing(1000, &json!({}))).await;
    alone.client.start_build(private()).await.unwrap();
    let (status, made) = secret(&alone).await;
    assert_eq!((status, &made["type"]), (200, &json!("kubernetes.io/basic-auth")));
    let (_, run) = alone.cluster(Method::GET, &place("pipelineruns")).await;
    assert_eq!(made["metadata"]["ownerReferences"][0]["uid"], run["metadata"]["uid"]);
    alone.built().await;
    assert_eq!(secret(&alone).await.0, 404);

    let encoded = "gho%5Fcanary%2F%2B1";
    let (_, run) = alone.cluster(Method::GET, &place("pipelineruns")).await;
    for text in [run.to_string(), alone.audit(), alone.log()] {
        assert!(!text.contains("gho_canary") && !text.contains(encoded), "{text}");
    }
}

#[tokio::test]
async fn a_build_without_credential_has_no_secret() {
    let mut alone = Alone::start(writing(100, &json!({}))).await;
    alone.build().await;
    assert_eq!(secret(&alone).await.0, 404);
    alone.built().await;
    assert!(!alone.audit().contains("\"Secret\""));
}

#[tokio::test]
async fn an_agent_that_dies_between_run_and_secret_makes_up_for_it() {
    let mut alone = Alone::start(writing(100, &json!({}))).await;
    // It gets as far as the run.
    let refuse = json!([{ "verb": "create", "resource": "secrets" }]);
    alone.switch(json!({ "refuse": refuse })).await;
    let error = alone.client.start_build(private()).await.unwrap_err();
    assert_eq!(error.code(), Code::PermissionDenied);
    assert_eq!(alone.cluster(Method::GET, &place("pipelineruns")).await.0, 200);
    alone.restart_agent().await;
    assert_eq!(alone.phase().await, BuildPhase::Running, "it waits for what it mounts");

    alone.switch(json!({ "refuse": [] })).await;
    alone.client.start_build(private()).await.unwrap();
    alone.built().await;
    assert_eq!(secret(&alone).await.0, 404);
    let audit = alone.audit();
    let written = audit.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    assert_eq!(written.filter(|entry| entry["kind"] == "PipelineRun").count(), 1, "one run");
}

#[tokio::test]
async fn a_run_that_is_deleted_takes_its_secret_along() {
    let mut alone = Alone::start(json!({ "all": { "build": "hang" } })).await;
    alone.client.start_build(private()).await.unwrap();
    assert_eq!(secret(&alone).await.0, 200);
    assert_eq!(alone.cluster(Method::DELETE, &place("pipelineruns")).await.0, 200);
    wait::until("the Secret to go", PATIENCE, || async {
        Ok((secret(&alone).await.0 == 404).then_some(()))
    })
    .await
    .unwrap();
}

//! The watch: hints from builds and Deployments, over expired histories and broken streams.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use paas_proto::cluster::cluster_server::Cluster as _;
use paas_proto::cluster::{WatchRequest, WatchResponse};
use serde_json::{Value, json};
use tokio::time::timeout;
use tonic::Request;

use crate::fake::{Answer, Seen, agent_with};
use crate::orders::{APP, DEPLOY};

const LIMIT: Duration = Duration::from_mins(5);

fn list(kind: &str) -> Answer {
    let (api, kind) = if kind == "runs" {
        ("tekton.dev/v1", "PipelineRunList")
    } else {
        ("apps/v1", "DeploymentList")
    };
    let body = json!({ "apiVersion": api, "kind": kind, "metadata": { "resourceVersion": "9" }, "items": [] });
    (200, body.to_string())
}

fn run(kind: &str) -> Value {
    json!({ "type": kind, "object": {
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {
            "name": "r", "resourceVersion": "10",
            "labels": { "paas.dev/app-id": APP, "paas.dev/deploy-id": DEPLOY }
        },
        "spec": {}
    }})
}

fn deployment() -> Value {
    json!({ "type": "MODIFIED", "object": {
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": "web", "resourceVersion": "11", "labels": { "paas.dev/app-id": APP } },
        "spec": { "selector": {}, "template": {} }
    }})
}

fn event(event: &Value) -> Answer {
    (200, format!("{event}\n"))
}

#[tokio::test(start_paused = true)]
async fn hints_go_on_over_an_expired_history_and_a_broken_stream() {
    let (watches, rollouts) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let (agent, requests) = agent_with(move |seen: &Seen| {
        let runs = seen.line.contains("pipelineruns");
        match (seen.line.contains("watch=true"), runs) {
            (false, true) => Some(list("runs")),
            (false, false) => Some(list("deployments")),
            (true, false) => match rollouts.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => Some(event(&deployment())),
                _ => None,
            },
            (true, true) => match watches.fetch_add(1, Ordering::SeqCst) {
                0 => Some(event(&json!({ "type": "ERROR", "object": {
                    "kind": "Status", "status": "Failure", "code": 410,
                    "message": "too old resource version: 1 (2866)", "reason": "Expired"
                }}))),
                1 => Some((200, format!("{}\n{{\"type\":\"MODI", run("ADDED")))),
                2 => Some((503, "apiserver is shutting down".to_owned())),
                3 => Some(event(&run("DELETED"))),
                _ => None,
            },
        }
    });
    let mut hints = agent.watch(Request::new(WatchRequest {})).await.unwrap().into_inner();
    let mut of_builds = 0;
    let mut of_rollouts = 0;
    while of_builds < 2 || of_rollouts < 2 {
        let hint =
            timeout(LIMIT, hints.next()).await.expect("in time").expect("never ends").unwrap();
        if hint.deploy_id.is_empty() {
            assert_eq!(hint, WatchResponse { app_id: APP.to_string(), deploy_id: String::new() });
            of_rollouts += 1;
        } else {
            assert_eq!(
                hint,
                WatchResponse { app_id: APP.to_string(), deploy_id: DEPLOY.to_string() }
            );
            of_builds += 1;
        }
    }
    let lines = requests.lines();
    let listed =
        lines.iter().filter(|line| line.contains("pipelineruns?") && !line.contains("watch="));
    assert!(listed.clone().count() >= 2, "an expired history is listed anew");
    assert!(listed.into_iter().all(|line| line.contains("labelSelector=paas.dev%2Fdeploy-id")));
}

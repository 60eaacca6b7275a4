//! Pods and what their containers are said to have written.

use cluster_standin::switches::{Course, Logs, Outcome};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::{
    cluster::{Cluster, PATIENCE, answer},
    recorded::exchange,
};

const PODS: &str = "/api/v1/namespaces/demo/pods";
const RUNS: &str = "/apis/tekton.dev/v1/namespaces/demo/pipelineruns";

/// A cluster with a run, whose containers write so.
async fn cluster(build: Outcome, logs: Logs) -> Cluster {
    let cluster = Cluster::start(&["demo"]);
    cluster.create_pipeline("demo").await;
    cluster.standin.switch(|switches| {
        switches.all = Course { build: Some(build), ..Course::default() };
        switches.logs = logs;
    });
    let params = json!([{"name": "image", "value": "x"}]);
    let spec = json!({"pipelineRef": {"name": "ci"}, "params": params});
    cluster.post(RUNS, &json!({"metadata": {"name": "r"}, "spec": spec})).await;
    let has_begun = |run: &Value| match build {
        Outcome::Hang => run["status"]["childReferences"].is_array(),
        Outcome::Succeed | Outcome::Fail => run["status"]["completionTime"].is_string(),
    };
    cluster.until(RUNS, has_begun).await;
    cluster
}

async fn log(cluster: &Cluster, query: &str) -> Response {
    let path = format!("{PODS}/r-build-pod/log?{query}");
    cluster.request(Method::GET, &path).send().await.unwrap()
}

async fn lines(cluster: &Cluster, query: &str) -> Vec<String> {
    let text = log(cluster, query).await.text().await.unwrap();
    text.lines().map(str::to_owned).collect()
}

#[tokio::test]
async fn a_pod_of_a_run_is_labelled_and_owned_as_recorded() {
    let cluster = Cluster::start(&["paas-apps"]);
    cluster.send(&exchange("pipeline-create")).await;
    cluster.send(&exchange("pipelinerun-create")).await;
    let runs = RUNS.replace("demo", "paas-apps");
    cluster.until(&runs, |run| run["status"]["completionTime"].is_string()).await;
    let recording = exchange("pod-list-of-a-run");
    let (status, list) = answer(cluster.send(&recording).await).await;
    assert_eq!(status, recording.status);
    let recorded: Value = serde_json::from_str(&recording.answer).unwrap();
    let shown = |pod: &Value| {
        let mut metadata = pod["metadata"].clone();
        for label in ["tekton.dev/pipelineRunUID", "tekton.dev/taskRunUID"] {
            assert!(metadata["labels"][label].is_string(), "{label}");
            metadata["labels"][label] = "…".into();
        }
        metadata["ownerReferences"][0]["uid"] = "…".into();
        (metadata["name"].clone(), metadata["labels"].clone(), metadata["ownerReferences"].clone())
    };
    assert_eq!(shown(&list["items"][0]), shown(&recorded["items"][0]));
    let state = |pod: &Value| pod["status"]["containerStatuses"][0]["state"].clone();
    let ended = state(&list["items"][0]);
    assert_eq!(
        ended["terminated"]["exitCode"],
        state(&recorded["items"][0])["terminated"]["exitCode"]
    );
}

#[tokio::test]
async fn without_a_kubelet_a_log_is_refused_as_recorded() {
    let logs = Logs { unreachable: true, ..Logs::default() };
    let cluster = cluster(Outcome::Succeed, logs).await;
    let recording = exchange("pod-log-no-kubelet");
    let (status, body) = answer(log(&cluster, "container=step-build").await).await;
    assert_eq!(status, recording.status);
    assert_eq!(body, serde_json::from_str::<Value>(&recording.answer).unwrap());
}

#[tokio::test]
async fn a_log_is_dated_and_cut_to_what_is_asked_for() {
    let logs = Logs { lines: 5, ..Logs::default() };
    let cluster = cluster(Outcome::Succeed, logs).await;
    let all = lines(&cluster, "container=step-build&timestamps=true").await;
    assert_eq!(all.len(), 8);
    let times: Vec<jiff::Timestamp> =
        all.iter().map(|line| line.split_once(' ').unwrap().0.parse().unwrap()).collect();
    assert!(times.is_sorted());
    let tail = lines(&cluster, "container=step-build&timestamps=true&tailLines=2").await;
    assert_eq!(tail, all[6..]);
    let since = jiff::Timestamp::from_second(times[7].as_second()).unwrap();
    let expected = all.iter().zip(&times).filter(|(_, at)| **at >= since);
    let expected: Vec<_> = expected.map(|(line, _)| line.clone()).collect();
    // The fraction is not handed on to the kubelet.
    let query = format!("container=step-build&timestamps=true&sinceTime={}", times[7]);
    assert_eq!(lines(&cluster, &query).await, expected);
    let short = log(&cluster, "container=step-build&limitBytes=7").await.text().await.unwrap();
    assert_eq!(short, "[stand-");
}

#[tokio::test]
async fn a_container_has_to_be_named_and_to_have_begun() {
    let logs = Logs { start_ms: 3_600_000, ..Logs::default() };
    let cluster = cluster(Outcome::Hang, logs).await;
    for (query, message) in [
        (
            "",
            "a container name must be specified for pod r-build-pod, choose one of: [step-build step-push]",
        ),
        ("container=x", "container x is not valid for pod r-build-pod"),
        (
            "container=step-push",
            "container \"step-push\" in pod \"r-build-pod\" is waiting to start: ContainerCreating",
        ),
    ] {
        let (status, body) = answer(log(&cluster, query).await).await;
        assert_eq!((status, body["message"].as_str().unwrap()), (400, message));
    }
}

#[tokio::test]
async fn a_followed_log_comes_as_it_is_written_and_breaks_on_demand() {
    let logs = Logs { per_second: 100, ..Logs::default() };
    let cluster = cluster(Outcome::Hang, logs).await;
    let mut stream = log(&cluster, "container=step-build&follow=true").await;
    let mut text = String::new();
    while !text.contains("tick 5\n") {
        let chunk = timeout(PATIENCE, stream.chunk()).await.unwrap().unwrap().unwrap();
        text.push_str(std::str::from_utf8(&chunk).unwrap());
    }
    cluster.standin.break_logs();
    let broke = async {
        while stream.chunk().await?.is_some() {}
        reqwest::Result::Ok(())
    };
    assert!(timeout(PATIENCE, broke).await.unwrap().is_err());
}

#[tokio::test]
async fn a_followed_log_ends_with_its_pod() {
    let cluster = cluster(Outcome::Hang, Logs::default()).await;
    let stream = log(&cluster, "container=step-build&follow=true").await;
    cluster.merge(&format!("{RUNS}/r"), &json!({"spec": {"status": "Cancelled"}})).await;
    let text = timeout(PATIENCE, stream.text()).await.unwrap().unwrap();
    assert!(text.starts_with("[stand-in]") && !text.contains("done"), "{text}");
    assert_eq!(log(&cluster, "container=step-build").await.status(), 404);
}

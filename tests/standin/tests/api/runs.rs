//! PipelineRuns go through the recorded sequences of fields.

use cluster_standin::switches::{Course, Outcome};
use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, Events},
    recorded::{self, comparable, without_managers},
};

const RUNS: &str = "/apis/tekton.dev/v1/namespaces/demo/pipelineruns";

fn recording(name: &str, length: usize) -> Vec<Value> {
    (1..=length)
        .map(|step| recorded::object(&format!("pipelinerun/{name}-{step:02}.json")))
        .collect()
}

/// Creates the run of a recording on a cluster where its build goes like this; gives the watch of it.
async fn create(cluster: &Cluster, first: &Value, build: Outcome) -> Events {
    cluster.create_pipeline("demo").await;
    let course = Course { build: Some(build), ..Course::default() };
    cluster.standin.switch(|switches| switches.all = course);
    let name = first["metadata"]["name"].as_str().unwrap();
    let events = cluster.watch(&format!("{RUNS}?watch=1&fieldSelector=metadata.name={name}")).await;
    let metadata = &first["metadata"];
    let body = json!({
        "metadata": {
            "name": name, "labels": metadata["labels"], "annotations": metadata["annotations"],
        },
        "spec": first["spec"],
    });
    assert_eq!(cluster.post(RUNS, &body).await.0, 201);
    events
}

async fn assert_next(events: &mut Events, recording: &[Value]) {
    for expected in recording {
        let (_, seen) = events.next().await.unwrap();
        assert_eq!(comparable(&without_managers(seen)), comparable(expected));
    }
}

#[tokio::test]
async fn a_run_that_succeeds() {
    let cluster = Cluster::start(&["demo"]);
    let recording = recording("ok", 5);
    let mut events = create(&cluster, &recording[0], Outcome::Succeed).await;
    assert_next(&mut events, &recording).await;
}

#[tokio::test]
async fn a_run_that_fails() {
    let cluster = Cluster::start(&["demo"]);
    let recording = recording("fail", 4);
    let mut events = create(&cluster, &recording[0], Outcome::Fail).await;
    assert_next(&mut events, &recording).await;
}

#[tokio::test]
async fn a_run_of_a_pipeline_that_is_not_there() {
    let cluster = Cluster::start(&["demo"]);
    let recording = recording("missing", 3);
    let mut events = create(&cluster, &recording[0], Outcome::Succeed).await;
    assert_next(&mut events, &recording).await;
}

#[tokio::test]
async fn a_run_that_is_cancelled() {
    let cluster = Cluster::start(&["demo"]);
    let recording = recording("cancel", 5);
    let mut events = create(&cluster, &recording[0], Outcome::Hang).await;
    assert_next(&mut events, &recording[..3]).await;
    let stop = json!({"spec": {"status": "Cancelled"}});
    assert_eq!(cluster.merge(&format!("{RUNS}/cancel"), &stop).await.0, 200);
    assert_next(&mut events, &recording[3..]).await;
}

#[tokio::test]
async fn a_run_that_is_stopped_gracefully() {
    let cluster = Cluster::start(&["demo"]);
    let recording = recording("graceful", 5);
    let mut events = create(&cluster, &recording[0], Outcome::Hang).await;
    assert_next(&mut events, &recording[..3]).await;
    let stop = json!({"spec": {"status": "StoppedRunFinally"}});
    assert_eq!(cluster.merge(&format!("{RUNS}/graceful"), &stop).await.0, 200);
    assert_next(&mut events, &recording[3..4]).await;
    cluster.standin.switch(|switches| switches.all.build = None);
    assert_next(&mut events, &recording[4..]).await;
}

#[tokio::test]
async fn a_run_that_takes_too_long() {
    let cluster = Cluster::start(&["demo"]);
    let in_one_second =
        |run: Value| serde_json::from_str(&run.to_string().replace("3s", "1s")).unwrap();
    let recording: Vec<Value> = recording("tmo", 4).into_iter().map(in_one_second).collect();
    let mut events = create(&cluster, &recording[0], Outcome::Hang).await;
    assert_next(&mut events, &recording).await;
}

#[tokio::test]
async fn a_run_without_a_required_parameter() {
    let cluster = Cluster::start(&["demo"]);
    cluster.create_pipeline("demo").await;
    let body = json!({"metadata": {"name": "mp24294"}, "spec": {"pipelineRef": {"name": "ci"}}});
    cluster.post(RUNS, &body).await;
    let run = cluster.until(RUNS, |run| run["status"]["completionTime"].is_string()).await;
    let condition = run["status"]["conditions"][0].to_string();
    let recorded = recorded::text("apiserver/errors-and-rbac.txt");
    for part in condition.trim_matches(['{', '}']).split(",\"").skip(1) {
        assert!(recorded.contains(part), "{part}");
    }
}

#[tokio::test]
async fn the_finally_tasks_run_after_a_failure_and_the_rest_is_skipped() {
    let cluster = Cluster::start(&["paas-builds"]);
    cluster.standin.switch(|switches| switches.all.build = Some(Outcome::Fail));
    let names = ["repo-url", "commit-sha", "image", "callback-url", "callback-token"];
    let params = names.map(|name| json!({"name": name, "value": "http://127.0.0.1:1"}));
    let spec = json!({"pipelineRef": {"name": "paas-build"}, "params": params});
    let runs = "/apis/tekton.dev/v1/namespaces/paas-builds/pipelineruns";
    cluster.post(runs, &json!({"metadata": {"name": "r"}, "spec": spec})).await;
    let run = cluster.until(runs, |run| run["status"]["completionTime"].is_string()).await;
    let condition = &run["status"]["conditions"][0];
    assert_eq!(condition["reason"], "Failed");
    assert_eq!(condition["message"], "Tasks Completed: 3 (Failed: 1, Cancelled 0), Skipped: 0");
    let tasks = run["status"]["childReferences"].as_array().unwrap();
    let tasks: Vec<_> =
        tasks.iter().map(|child| child["pipelineTaskName"].as_str().unwrap()).collect();
    assert_eq!(tasks, ["clone", "build", "call-back"]);
}

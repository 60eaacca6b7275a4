//! Secrets and who owns them, and deletes that mean one object only.

use reqwest::Method;
use serde_json::{Value, json};

use crate::cluster::{Cluster, answer};

const RUNS: &str = "/apis/tekton.dev/v1/namespaces/demo/pipelineruns";
const SECRETS: &str = "/api/v1/namespaces/demo/secrets";

async fn create_run(cluster: &Cluster, workspaces: &Value) -> (u16, Value) {
    let spec = json!({
        "pipelineRef": {"name": "ci"}, "params": [{"name": "image", "value": "x"}],
        "workspaces": workspaces,
    });
    cluster.post(RUNS, &json!({"metadata": {"name": "r"}, "spec": spec})).await
}

async fn create_secret(cluster: &Cluster, owner: &Value) {
    let reference = json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun", "name": "r",
        "uid": owner["metadata"]["uid"],
    });
    let metadata = json!({"name": "r", "ownerReferences": [reference]});
    let body = json!({"metadata": metadata, "data": {"password": "Y2FuYXJ5"}});
    let (status, secret) = cluster.post(SECRETS, &body).await;
    assert_eq!((status, &secret["type"]), (201, &json!("Opaque")));
}

async fn delete(cluster: &Cluster, path: &str, body: &Value) -> (u16, Value) {
    answer(cluster.request(Method::DELETE, path).json(body).send().await.unwrap()).await
}

#[tokio::test]
async fn a_run_starts_when_the_secret_that_it_mounts_is_there() {
    let cluster = Cluster::start(&["demo"]);
    cluster.create_pipeline("demo").await;
    let mount = json!([{"name": "git", "secret": {"secretName": "r"}}]);
    let (_, run) = create_run(&cluster, &mount).await;
    cluster.until(RUNS, |run| run["status"]["childReferences"].is_array()).await;
    create_secret(&cluster, &run).await;
    cluster.until(RUNS, |run| run["status"]["completionTime"].is_string()).await;
}

#[tokio::test]
async fn what_is_owned_goes_with_its_owner_and_the_audit_log_shows_no_secret() {
    let cluster = Cluster::start(&["demo"]);
    let (_, run) = create_run(&cluster, &json!([])).await;
    create_secret(&cluster, &run).await;
    assert_eq!(delete(&cluster, &format!("{RUNS}/r"), &Value::Null).await.0, 200);
    assert_eq!(cluster.get(&format!("{SECRETS}/r")).await.0, 404);
    let audit = format!("{:?}", cluster.standin.audit());
    assert!(audit.contains("Secret") && !audit.contains("Y2FuYXJ5"), "{audit}");
}

#[tokio::test]
async fn a_delete_that_means_another_object_is_refused() {
    let cluster = Cluster::start(&["demo"]);
    let (_, run) = create_run(&cluster, &json!([])).await;
    let path = format!("{RUNS}/r");
    let (status, body) =
        delete(&cluster, &path, &json!({"preconditions": {"uid": "another"}})).await;
    assert_eq!((status, &body["reason"]), (409, &json!("Conflict")));
    let right = json!({"preconditions": {"uid": run["metadata"]["uid"]}});
    assert_eq!(delete(&cluster, &path, &right).await.0, 200);
}

#[tokio::test]
async fn a_workspace_is_one_volume_and_bound_once() {
    let cluster = Cluster::start(&["demo"]);
    for (workspaces, message) in [
        (json!([{"name": "a"}]), "expected exactly one, got neither"),
        (
            json!([{"name": "a", "emptyDir": {}, "secret": {"secretName": "r"}}]),
            "expected exactly one, got both",
        ),
        (json!([{"name": "a", "secret": {}}]), "missing field(s): spec.workspaces[0].secret"),
        (json!([{"name": "a", "emptyDir": {}}, {"name": "a", "emptyDir": {}}]), "more than once"),
    ] {
        let (status, body) = create_run(&cluster, &workspaces).await;
        assert_eq!(status, 400, "{workspaces}");
        assert!(body["message"].as_str().unwrap().contains(message), "{body}");
    }
}

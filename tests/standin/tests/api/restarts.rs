//! A stand-in that is started again goes on where it stopped.

use std::{net::TcpListener, path::Path};

use cluster_standin::{Options, switches::Outcome};
use serde_json::{Value, json};

use crate::cluster::{Cluster, PATIENCE, quick};

const RUNS: &str = "/apis/tekton.dev/v1/namespaces/demo/pipelineruns";

fn kept(audit: &Path) -> Options {
    Options { audit: Some(audit.to_owned()), ..quick(&["demo"]) }
}

async fn create(cluster: &Cluster, name: &str) -> (u16, Value) {
    let params = json!([{"name": "image", "value": "x"}]);
    let spec = json!({"pipelineRef": {"name": "ci"}, "params": params});
    cluster.post(RUNS, &json!({"metadata": {"name": name}, "spec": spec})).await
}

#[tokio::test]
async fn a_run_that_was_underway_ends_after_the_restart_and_is_the_same() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl");
    let cluster = Cluster::with(kept(&audit));
    cluster.create_pipeline("demo").await;
    cluster.standin.switch(|switches| switches.all.build = Some(Outcome::Hang));
    let (_, created) = create(&cluster, "r").await;
    cluster.until(RUNS, |run| run["status"]["startTime"].is_string()).await;
    let listen = cluster.standin.url().trim_start_matches("http://").parse().unwrap();
    cluster.standin.stop().unwrap();

    let cluster = Cluster::with(Options { listen, ..kept(&audit) });
    let ended = cluster.until(RUNS, |run| run["status"]["completionTime"].is_string()).await;
    assert_eq!(ended["metadata"]["uid"], created["metadata"]["uid"]);
    assert_eq!(ended["status"]["conditions"][0]["reason"], "Succeeded");
    assert_eq!(create(&cluster, "r").await.0, 409);
}

#[tokio::test]
async fn the_audit_log_has_each_accepted_write_once_with_exactly_its_keys() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl");
    for attempt in 0..2 {
        let cluster = Cluster::with(kept(&audit));
        if attempt == 0 {
            cluster.create_pipeline("demo").await;
        }
        create(&cluster, "r").await;
        cluster.until(RUNS, |run| run["status"]["completionTime"].is_string()).await;
        cluster.standin.stop().unwrap();
    }
    let text = std::fs::read_to_string(&audit).unwrap();
    let entries: Vec<Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = entries.iter().map(|entry| entry["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["Pipeline", "PipelineRun"]);
    let keys: Vec<_> = entries[1].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["at", "body", "kind", "name", "namespace", "resource_version", "verb"]);
    assert_eq!((&entries[1]["verb"], &entries[1]["name"]), (&json!("create"), &json!("r")));
}

#[tokio::test]
async fn a_watch_goes_on_from_a_version_before_the_restart() {
    let folder = tempfile::tempdir().unwrap();
    let audit = folder.path().join("audit.jsonl");
    let cluster = Cluster::with(kept(&audit));
    let (_, list) = cluster.get(RUNS).await;
    let version = list["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    create(&cluster, "r").await;
    cluster.standin.stop().unwrap();

    let cluster = Cluster::with(kept(&audit));
    let mut events = cluster.watch(&format!("{RUNS}?watch=1&resourceVersion={version}")).await;
    let (kind, run) = events.next().await.unwrap();
    assert_eq!((kind.as_str(), &run["metadata"]["name"]), ("ADDED", &json!("r")));
}

#[tokio::test]
async fn the_kubeconfig_is_there_before_the_port_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let path = kubeconfig.clone();
    let starting = tokio::task::spawn_blocking(move || {
        Cluster::with(Options { listen: free, kubeconfig: Some(path), ..quick(&["demo"]) })
    });
    let connected = async {
        while tokio::net::TcpStream::connect(free).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, connected).await.unwrap();
    let written: Value = serde_json::from_slice(&std::fs::read(&kubeconfig).unwrap()).unwrap();
    assert_eq!(written["clusters"][0]["cluster"]["server"], format!("http://{free}"));
    starting.await.unwrap();
}

//! The real `kube` client gets along with it, through everything that a watch can meet.

use std::pin::pin;

use futures_util::{Stream, StreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{
    Api, Client, Config,
    api::{DynamicObject, ListParams, LogParams, Patch, PatchParams, PostParams},
    config::{KubeConfigOptions, Kubeconfig},
    discovery::{self, ApiResource},
    runtime::watcher::{self, Event},
};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::cluster::{Cluster, PATIENCE};

async fn client(cluster: &Cluster) -> Client {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kubeconfig");
    cluster.standin.write_kubeconfig(&path).unwrap();
    let kubeconfig = Kubeconfig::read_from(&path).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await.unwrap();
    Client::try_from(config).unwrap()
}

fn web(image: &str) -> Value {
    let labels = json!({"paas-app": "web"});
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {
                "metadata": {"labels": labels},
                "spec": {"containers": [{"name": "app", "image": image}]},
            },
        },
    })
}

async fn apply(api: &Api<Deployment>, image: &str) -> Deployment {
    let params = PatchParams::apply("paas-deployer").force();
    api.patch("web", &params, &Patch::Apply(web(image))).await.unwrap()
}

/// Waits until the watch shows the Deployment with this image.
async fn until_shown(
    events: &mut (impl Stream<Item = watcher::Result<Event<Deployment>>> + Unpin),
    image: &str,
) {
    let seen = async {
        loop {
            let Ok(Event::Apply(shown) | Event::InitApply(shown)) = events.next().await.unwrap()
            else {
                continue;
            };
            if serde_json::to_value(shown.spec).unwrap().to_string().contains(image) {
                return;
            }
        }
    };
    timeout(PATIENCE, seen).await.unwrap();
}

#[tokio::test]
async fn it_discovers_what_there_is() {
    let cluster = Cluster::start(&["default"]);
    let client = client(&cluster).await;
    assert_eq!(client.apiserver_version().await.unwrap().minor, "36");
    let found = discovery::Discovery::new(client).run().await.unwrap();
    assert!(found.has_group("tekton.dev") && found.has_group("apps"));
}

#[tokio::test]
async fn it_creates_a_run_once_and_reads_its_log() {
    let cluster = Cluster::start(&["paas-builds"]);
    cluster.create_pipeline("paas-builds").await;
    let client = client(&cluster).await;
    let resource = ApiResource {
        group: "tekton.dev".into(),
        version: "v1".into(),
        api_version: "tekton.dev/v1".into(),
        kind: "PipelineRun".into(),
        plural: "pipelineruns".into(),
    };
    let runs: Api<DynamicObject> = Api::namespaced_with(client.clone(), "paas-builds", &resource);
    let mut run = DynamicObject::new("r", &resource);
    run.data = json!({"spec": {
        "pipelineRef": {"name": "ci"}, "params": [{"name": "image", "value": "x"}],
    }});
    runs.create(&PostParams::default(), &run).await.unwrap();
    let again = runs.create(&PostParams::default(), &run).await.unwrap_err();
    assert!(matches!(again, kube::Error::Api(status) if status.reason == "AlreadyExists"));

    let path = "/apis/tekton.dev/v1/namespaces/paas-builds/pipelineruns";
    cluster.until(path, |run| run["status"]["completionTime"].is_string()).await;
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client, "paas-builds");
    let found = pods.list(&ListParams::default().labels("tekton.dev/pipelineRun=r")).await.unwrap();
    let name = found.items[0].metadata.name.clone().unwrap();
    let params = LogParams { container: Some("step-push".to_owned()), ..LogParams::default() };
    assert!(pods.logs(&name, &params).await.unwrap().contains("[stand-in]"));
}

#[tokio::test]
async fn its_watcher_survives_broken_streams_and_a_forgotten_history() {
    let cluster = Cluster::start(&["paas-apps"]);
    let api: Api<Deployment> = Api::namespaced(client(&cluster).await, "paas-apps");
    for config in [watcher::Config::default(), watcher::Config::default().streaming_lists()] {
        let mut events = pin!(watcher::watcher(api.clone(), config));
        apply(&api, "one").await;
        until_shown(&mut events, "one").await;
        cluster.standin.break_watches();
        apply(&api, "two").await;
        until_shown(&mut events, "two").await;
        cluster.standin.expire_history();
        apply(&api, "three").await;
        until_shown(&mut events, "three").await;
    }
}

#[tokio::test]
async fn it_is_told_of_a_stale_version() {
    let cluster = Cluster::start(&["paas-apps"]);
    let api: Api<Deployment> = Api::namespaced(client(&cluster).await, "paas-apps");
    let read = apply(&api, "one").await.metadata.resource_version;
    apply(&api, "two").await;
    let mut stale = web("three");
    stale["metadata"]["resourceVersion"] = json!(read);
    let params = PatchParams::apply("paas-deployer").force();
    let refused = api.patch("web", &params, &Patch::Apply(stale)).await.unwrap_err();
    assert!(matches!(refused, kube::Error::Api(status) if status.reason == "Conflict"));
}

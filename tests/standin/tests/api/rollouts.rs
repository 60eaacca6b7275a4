//! Deployments go through the recorded sequences of fields.

use serde_json::{Value, json};

use crate::{
    cluster::{Cluster, Events},
    recorded::{self, comparable, without_managers},
};

const WEB: &str = "/apis/apps/v1/namespaces/roll/deployments/web";

async fn apply_image(cluster: &Cluster, image: &str) {
    let containers = json!([{"name": "web", "image": image}]);
    let body = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": containers}}},
    });
    let path = format!("{WEB}?fieldManager=deployer&force=true");
    assert_eq!(cluster.apply(&path, &body).await.0, 200);
}

async fn assert_steps(events: &mut Events, steps: std::ops::RangeInclusive<usize>) {
    for step in steps {
        let expected = recorded::object(&format!("deployment/rollout-step-{step:02}.json"));
        let (_, seen) = events.next().await.unwrap();
        assert_eq!(comparable(&without_managers(seen)), comparable(&expected), "step {step}");
    }
}

#[tokio::test]
async fn created_updated_failed_and_put_back() {
    let cluster = Cluster::start(&["roll"]);
    cluster.standin.switch(|switches| switches.fail_images = vec!["example/bad".to_owned()]);
    let mut events = cluster.watch("/apis/apps/v1/namespaces/roll/deployments?watch=1").await;

    let first = recorded::object("deployment/rollout-step-01.json");
    let body = json!({"metadata": {"name": "web"}, "spec": first["spec"]});
    let path = format!("{WEB}?fieldManager=installer");
    assert_eq!(cluster.apply(&path, &body).await.0, 201);
    assert_steps(&mut events, 1..=8).await;

    apply_image(&cluster, "example/web:v2").await;
    assert_steps(&mut events, 9..=26).await;

    apply_image(&cluster, "example/bad:v3").await;
    assert_steps(&mut events, 27..=31).await;

    apply_image(&cluster, "example/web:v2").await;
    assert_steps(&mut events, 32..=36).await;
}

#[tokio::test]
async fn one_replica_updated_with_everybody_s_fields_on_record() {
    let cluster = Cluster::start(&["paas-apps"]);
    let path = "/apis/apps/v1/namespaces/paas-apps/deployments";
    cluster.send(&recorded::exchange("deployment-apply-create")).await;
    let is_live = |d: &Value| d["status"]["conditions"][1]["reason"] == "NewReplicaSetAvailable";
    let live = cluster.until(path, is_live).await;
    let version = live["metadata"]["resourceVersion"].as_str().unwrap().to_owned();
    let mut events = cluster.watch(&format!("{path}?watch=1&resourceVersion={version}")).await;

    let mut update = recorded::exchange("deployment-apply-with-resource-version");
    update.body = update.body.replace("2904", &version);
    assert_eq!(cluster.send(&update).await.status(), 200);

    let recording = recorded::watch("deployment-watch-with-bookmarks");
    for (kind, expected) in recording.iter().filter(|(kind, _)| kind != "BOOKMARK") {
        let (seen_kind, seen) = events.next().await.unwrap();
        assert_eq!((&seen_kind, comparable(&seen)), (kind, comparable(expected)));
    }
}

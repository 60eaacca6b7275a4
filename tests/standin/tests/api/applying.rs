//! Server-side apply: owners, conflicts, preconditions, and what is left when an owner lets go.

use serde_json::{Value, json};

use crate::{
    cluster::Cluster,
    recorded::{self, comparable},
};

const WEB: &str = "/apis/apps/v1/namespaces/roll/deployments/web";

/// A Deployment whose spec the `installer` wrote, and whose image the `deployer` is to own.
async fn installed() -> Cluster {
    let cluster = Cluster::start(&["roll"]);
    cluster.standin.switch(|switches| {
        switches.all.rollout = Some(cluster_standin::switches::Outcome::Hang);
    });
    let first = recorded::object("deployment/rollout-step-01.json");
    let body = json!({"metadata": {"name": "web"}, "spec": first["spec"]});
    let (status, _) = cluster.apply(&format!("{WEB}?fieldManager=installer"), &body).await;
    assert_eq!(status, 201);
    cluster
}

fn image(container: &str, image: &str) -> Value {
    let containers = json!([{"name": container, "image": image}]);
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": containers}}},
    })
}

async fn deploy(cluster: &Cluster, query: &str, body: &Value) -> (u16, Value) {
    cluster.apply(&format!("{WEB}?fieldManager=deployer{query}"), body).await
}

fn images(deployment: &Value) -> Vec<&str> {
    let containers = deployment["spec"]["template"]["spec"]["containers"].as_array().unwrap();
    containers.iter().map(|container| container["image"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn another_owner_s_field_is_a_conflict_and_is_taken_by_force() {
    let cluster = installed().await;
    let (status, conflict) = deploy(&cluster, "", &image("web", "example/web:v2")).await;
    let recording = recorded::text("apiserver/ssa-conflict.json");
    let (expected, _) = recording.split_once("HTTP").unwrap();
    assert_eq!((status, conflict), (409, serde_json::from_str(expected).unwrap()));

    let (status, forced) = deploy(&cluster, "&force=true", &image("web", "example/web:v2")).await;
    assert_eq!(status, 200);
    let recording = recorded::text("apiserver/ssa-response.json");
    let (expected, _) = recording.split_once("HTTP").unwrap();
    let expected: Value = serde_json::from_str(expected).unwrap();
    let owned = |object: &Value, manager: &str| {
        let owners = object["metadata"]["managedFields"].as_array().unwrap();
        let owner = owners.iter().find(|owner| owner["manager"] == manager).unwrap();
        comparable(&owner["fieldsV1"])
    };
    assert_eq!(owned(&forced, "deployer"), owned(&expected, "deployer"));
    let installer = owned(&forced, "installer").to_string();
    assert!(!installer.contains("\"f:image\""), "{installer}");
    assert_eq!(forced["spec"], expected["spec"]);
    assert_eq!(forced["metadata"]["generation"], 2);
}

#[tokio::test]
async fn the_same_apply_again_changes_nothing() {
    let cluster = installed().await;
    let (_, first) = deploy(&cluster, "&force=true", &image("web", "v2")).await;
    let (status, again) = deploy(&cluster, "&force=true", &image("web", "v2")).await;
    assert_eq!((status, &again["metadata"]["generation"]), (200, &first["metadata"]["generation"]));
    assert_eq!(cluster.standin.audit().iter().filter(|write| write.verb == "apply").count(), 2);
}

#[tokio::test]
async fn a_dry_run_leaves_no_trace() {
    let cluster = installed().await;
    let (status, _) = deploy(&cluster, "&force=true&dryRun=All", &image("web", "v2")).await;
    assert_eq!(status, 200);
    let stored = cluster.standin.object("deployments", "roll", "web").unwrap();
    assert_eq!(images(&stored), ["example/web:v1"]);
}

#[tokio::test]
async fn a_mistyped_container_is_a_second_one_unless_the_first_loses_its_image() {
    let cluster = installed().await;
    let (status, two) = deploy(&cluster, "", &image("wep", "v2")).await;
    assert_eq!((status, images(&two)), (200, vec!["example/web:v1", "v2"]));

    let cluster = installed().await;
    deploy(&cluster, "&force=true", &image("web", "a:2")).await;
    let (status, refused) = deploy(&cluster, "", &image("wrong", "v3")).await;
    assert_eq!(status, 422);
    let message = "Deployment.apps \"web\" is invalid: \
                   spec.template.spec.containers[0].image: Required value";
    assert_eq!(refused["message"], message);
    assert_eq!(refused["details"]["causes"][0]["reason"], "FieldValueRequired");
}

#[tokio::test]
async fn what_an_owner_no_longer_lists_goes_unless_another_owns_it() {
    let cluster = installed().await;
    let with = |labels: Value| json!({"metadata": {"name": "web", "labels": labels}, "spec": {}});
    deploy(&cluster, "", &with(json!({"a": "1", "b": "2"}))).await;
    let other = format!("{WEB}?fieldManager=other");
    cluster.apply(&other, &with(json!({"b": "2"}))).await;

    let (_, left) = deploy(&cluster, "", &with(json!({}))).await;
    assert_eq!(left["metadata"]["labels"], json!({"b": "2"}));
    let (_, left) = cluster.apply(&other, &with(json!({}))).await;
    assert_eq!(left["metadata"]["labels"], Value::Null);
}

#[tokio::test]
async fn fields_of_others_survive_an_apply() {
    let cluster = installed().await;
    let scaled = json!({"spec": {"replicas": 7}});
    let (status, _) = cluster.merge(&format!("{WEB}?fieldManager=autoscaler"), &scaled).await;
    assert_eq!(status, 200);
    let (_, deployed) = deploy(&cluster, "&force=true", &image("web", "v2")).await;
    assert_eq!(deployed["spec"]["replicas"], 7);
    let (status, conflict) =
        deploy(&cluster, "", &json!({"metadata": {"name": "web"}, "spec": {"replicas": 3}})).await;
    assert_eq!(status, 409);
    let message = conflict["details"]["causes"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("conflict with \"autoscaler\" using apps/v1 at "), "{message}");
}

#[tokio::test]
async fn an_unknown_field_is_a_server_error() {
    let cluster = installed().await;
    let body = json!({"metadata": {"name": "web"}, "spec": {"bogus": 1}});
    let (status, error) = deploy(&cluster, "", &body).await;
    assert_eq!(status, 500);
    let squeezed: String =
        error["message"].as_str().unwrap().chars().filter(|c| *c != ' ').collect();
    assert!(recorded::text("apiserver/errors-and-rbac.txt").contains(&squeezed), "{squeezed}");
}

#[tokio::test]
async fn a_strategic_merge_finds_containers_by_their_name() {
    let cluster = installed().await;
    let format = "application/strategic-merge-patch+json";
    let body =
        json!({"spec": {"template": {"spec": {"containers": [{"name": "web", "image": "v9"}]}}}});
    let (status, patched) = cluster.patch(WEB, format, &body).await;
    assert_eq!((status, images(&patched)), (200, vec!["v9"]));
}

//! What the code asks for is what k8s/ grants, verb for verb.

use std::collections::BTreeSet;

use cluster_agent::Permissions;
use serde_json::{Value, json};

use crate::fake::{Answer, Seen, agent_with, refusal};

/// Answers as a cluster would that allows everything but to patch Services.
fn cluster(seen: &Seen) -> Answer {
    let body = if seen.line == "GET /version" {
        json!({
            "major": "1", "minor": "36", "gitVersion": "v1.36.2", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "", "platform": ""
        })
    } else if seen.line == "GET /apis/tekton.dev/v1" {
        let resource = json!({ "name": "pipelineruns", "singularName": "", "namespaced": true, "kind": "PipelineRun", "verbs": [] });
        json!({ "groupVersion": "tekton.dev/v1", "resources": [resource] })
    } else {
        let mut review = seen.body.clone();
        let asked = &review["spec"]["resourceAttributes"];
        let allowed = !(asked["resource"] == "services" && asked["verb"] == "patch");
        review["status"] = json!({ "allowed": allowed });
        review
    };
    (200, body.to_string())
}

async fn permissions() -> Permissions {
    agent_with(|seen| Some(cluster(seen))).0.permissions().await.unwrap()
}

/// (namespace, group, resource, verb) of every rule of every Role in k8s/.
fn granted() -> BTreeSet<[String; 4]> {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../k8s/base/deployer-rbac.yaml");
    let text = std::fs::read_to_string(file).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let mut all = BTreeSet::new();
    for role in documents.iter().filter(|document| document["kind"] == "Role") {
        let namespace = role["metadata"]["namespace"].as_str().unwrap();
        for rule in role["rules"].as_array().unwrap() {
            for group in texts(&rule["apiGroups"]) {
                for resource in texts(&rule["resources"]) {
                    for verb in texts(&rule["verbs"]) {
                        all.insert([namespace.to_owned(), group.clone(), resource.clone(), verb]);
                    }
                }
            }
        }
    }
    all
}

#[tokio::test]
async fn the_cluster_is_asked_for_its_versions_and_every_permission() {
    let permissions = permissions().await;
    assert_eq!(permissions.kubernetes, "v1.36.2");
    assert!(permissions.tekton);
    let denied: Vec<_> = permissions.access.iter().filter(|access| !access.allowed).collect();
    assert_eq!(denied.len(), 1);
    assert_eq!((denied[0].verb, denied[0].resource), ("patch", "services"));
}

#[tokio::test]
async fn a_cluster_without_tekton_is_told() {
    let (agent, _) = agent_with(|seen| match seen.line.as_str() {
        "GET /apis/tekton.dev/v1" => {
            let (status, body) = refusal(404, "NotFound", "404 page not found");
            Some((status, body.to_string()))
        }
        _ => Some(cluster(seen)),
    });
    assert!(!agent.permissions().await.unwrap().tekton);
}

#[tokio::test]
async fn the_manifests_grant_what_the_code_uses_and_nothing_else() {
    let used: BTreeSet<_> = permissions()
        .await
        .access
        .into_iter()
        .map(|access| {
            [
                access.namespace,
                access.group.to_owned(),
                access.resource.to_owned(),
                access.verb.to_owned(),
            ]
        })
        .collect();
    assert_eq!(granted(), used);
}

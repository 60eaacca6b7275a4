//! The values that the API server and Tekton's webhook write where a client left a field out.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{duration, kinds::Kind};

/// Fills in the defaults of an object; safe to repeat.
pub(crate) fn fill(kind: &Kind, object: &mut Value) {
    match kind.name {
        "Deployment" => deployment(object),
        "Service" => service(object),
        "Secret" => fallback(object, "type", json!("Opaque")),
        "Ingress" => fallback(&mut object["status"], "loadBalancer", json!({})),
        "Namespace" => namespace(object),
        "PipelineRun" => pipeline_run(&mut object["spec"]),
        "Pipeline" => each(&mut object["spec"]["results"], |result| {
            fallback(result, "description", json!(""));
        }),
        _ => {}
    }
    drop_nulls(object);
    // The server keeps no empty maps here.
    if let Some(metadata) = object["metadata"].as_object_mut() {
        metadata.retain(|name, value| {
            !(matches!(&**name, "labels" | "annotations") && *value == json!({}))
        });
    }
}

/// Indexing writes a null where nothing was: such never leave the server.
fn drop_nulls(value: &mut Value) {
    if let Some(map) = value.as_object_mut() {
        map.retain(|_, value| !value.is_null());
        map.values_mut().for_each(drop_nulls);
    }
    value.as_array_mut().into_iter().flatten().for_each(drop_nulls);
}

fn fallback(parent: &mut Value, name: &str, value: Value) {
    if parent.is_null() {
        *parent = json!({});
    }
    if let Some(map) = parent.as_object_mut() {
        let slot = map.entry(name).or_insert(Value::Null);
        if slot.is_null() {
            *slot = value;
        }
    }
}

fn each(list: &mut Value, change: impl Fn(&mut Value)) {
    list.as_array_mut().into_iter().flatten().filter(|item| item.is_object()).for_each(change);
}

fn deployment(object: &mut Value) {
    let spec = &mut object["spec"];
    fallback(spec, "replicas", json!(1));
    fallback(spec, "revisionHistoryLimit", json!(10));
    fallback(spec, "progressDeadlineSeconds", json!(600));
    let strategy = &mut spec["strategy"];
    fallback(strategy, "type", json!("RollingUpdate"));
    if strategy["type"] == "RollingUpdate" {
        let rolling = &mut strategy["rollingUpdate"];
        fallback(rolling, "maxUnavailable", json!("25%"));
        fallback(rolling, "maxSurge", json!("25%"));
    }
    pod(&mut spec["template"]["spec"]);
    fallback(object, "status", json!({}));
}

fn pod(spec: &mut Value) {
    fallback(spec, "restartPolicy", json!("Always"));
    fallback(spec, "terminationGracePeriodSeconds", json!(30));
    fallback(spec, "dnsPolicy", json!("ClusterFirst"));
    fallback(spec, "securityContext", json!({}));
    fallback(spec, "schedulerName", json!("default-scheduler"));
    if let Some(account) = spec["serviceAccountName"].as_str().map(str::to_owned) {
        fallback(spec, "serviceAccount", account.into());
    }
    each(&mut spec["containers"], container);
    each(&mut spec["initContainers"], container);
}

fn container(container: &mut Value) {
    fallback(container, "resources", json!({}));
    fallback(container, "terminationMessagePath", json!("/dev/termination-log"));
    fallback(container, "terminationMessagePolicy", json!("File"));
    let policy = pull_policy(container["image"].as_str().unwrap_or_default());
    fallback(container, "imagePullPolicy", json!(policy));
    each(&mut container["ports"], |port| fallback(port, "protocol", json!("TCP")));
    for name in ["livenessProbe", "readinessProbe", "startupProbe"] {
        if container[name].is_object() {
            probe(&mut container[name]);
        }
    }
}

fn pull_policy(image: &str) -> &'static str {
    let name = image.rsplit('/').next().unwrap_or_default();
    let is_latest = name.ends_with(":latest") || !name.contains([':', '@']);
    if is_latest { "Always" } else { "IfNotPresent" }
}

fn probe(probe: &mut Value) {
    for (name, value) in [
        ("timeoutSeconds", 1),
        ("periodSeconds", 10),
        ("successThreshold", 1),
        ("failureThreshold", 3),
    ] {
        fallback(probe, name, json!(value));
    }
    if probe["httpGet"].is_object() {
        fallback(&mut probe["httpGet"], "path", json!("/"));
        fallback(&mut probe["httpGet"], "scheme", json!("HTTP"));
    }
}

fn service(object: &mut Value) {
    let address = cluster_address(&object["metadata"]["uid"]);
    let spec = &mut object["spec"];
    for (name, value) in [
        ("clusterIP", json!(address)),
        ("type", json!("ClusterIP")),
        ("sessionAffinity", json!("None")),
        ("ipFamilies", json!(["IPv4"])),
        ("ipFamilyPolicy", json!("SingleStack")),
        ("internalTrafficPolicy", json!("Cluster")),
    ] {
        fallback(spec, name, value);
    }
    let addresses = json!([spec["clusterIP"]]);
    fallback(spec, "clusterIPs", addresses);
    each(&mut spec["ports"], |port| {
        fallback(port, "protocol", json!("TCP"));
        let number = port["port"].clone();
        fallback(port, "targetPort", number);
    });
    fallback(&mut object["status"], "loadBalancer", json!({}));
}

fn cluster_address(uid: &Value) -> String {
    let hash = Sha256::digest(uid.as_str().unwrap_or_default());
    format!("10.96.{}.{}", hash[0], hash[1])
}

fn namespace(object: &mut Value) {
    let name = object["metadata"]["name"].clone();
    fallback(&mut object["metadata"]["labels"], "kubernetes.io/metadata.name", name);
    fallback(&mut object["spec"], "finalizers", json!(["kubernetes"]));
    fallback(&mut object["status"], "phase", json!("Active"));
}

fn pipeline_run(spec: &mut Value) {
    fallback(&mut spec["taskRunTemplate"], "serviceAccountName", json!("default"));
    fallback(&mut spec["timeouts"], "pipeline", json!("1h0m0s"));
    for (_, timeout) in spec["timeouts"].as_object_mut().into_iter().flatten() {
        if let Some(parsed) = timeout.as_str().and_then(duration::parse) {
            *timeout = duration::format(parsed).into();
        }
    }
}

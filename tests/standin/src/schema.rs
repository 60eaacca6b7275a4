//! Which fields a kind knows: unknown ones are found by reading an object as its type and looking for what got lost.

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{ConfigMap, Namespace, Secret, Service, ServiceAccount},
        networking::v1::Ingress,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::kinds::Kind;

const PIPELINE_RUN_SPEC: &[&str] = &[
    "managedBy",
    "params",
    "pipelineRef",
    "pipelineSpec",
    "status",
    "taskRunSpecs",
    "taskRunTemplate",
    "timeouts",
    "workspaces",
];
const PIPELINE_SPEC: &[&str] =
    &["description", "displayName", "finally", "params", "results", "tasks", "workspaces"];
const TASK_SPEC: &[&str] = &[
    "description",
    "displayName",
    "params",
    "results",
    "sidecars",
    "stepTemplate",
    "steps",
    "volumes",
    "workspaces",
];

/// Removes the unknown fields and gives their names; an error says that a known one has another type.
pub(crate) fn prune(kind: &Kind, object: &mut Value) -> Result<Vec<String>, String> {
    if kind.custom {
        round_trip::<ObjectMeta>(&object["metadata"])?;
        if !object["spec"].is_object() {
            return Err("spec: expected an object".to_owned());
        }
    }
    let known = known(kind, object)?;
    let mut unknown = Vec::new();
    drop_unknown(object, &known, "", &mut unknown);
    Ok(unknown)
}

fn known(kind: &Kind, object: &Value) -> Result<Value, String> {
    match kind.name {
        "Deployment" => round_trip::<Deployment>(object),
        "Service" => round_trip::<Service>(object),
        "Ingress" => round_trip::<Ingress>(object),
        "Namespace" => round_trip::<Namespace>(object),
        "ServiceAccount" => round_trip::<ServiceAccount>(object),
        "ConfigMap" => round_trip::<ConfigMap>(object),
        "Secret" => round_trip::<Secret>(object),
        "PipelineRun" => {
            let mut known = with_spec(object, PIPELINE_RUN_SPEC);
            keep_only(&mut known["spec"]["timeouts"], &["finally", "pipeline", "tasks"]);
            keep_only(
                &mut known["spec"]["pipelineRef"],
                &["apiVersion", "name", "params", "resolver"],
            );
            keep_only(
                &mut known["spec"]["taskRunTemplate"],
                &["podTemplate", "serviceAccountName"],
            );
            Ok(known)
        }
        "Pipeline" => Ok(with_spec(object, PIPELINE_SPEC)),
        "Task" => Ok(with_spec(object, TASK_SPEC)),
        _ => Ok(object.clone()),
    }
}

fn round_trip<T: Serialize + DeserializeOwned>(object: &Value) -> Result<Value, String> {
    let typed: T = serde_json::from_value(object.clone()).map_err(|e| e.to_string())?;
    serde_json::to_value(typed).map_err(|e| e.to_string())
}

fn with_spec(object: &Value, fields: &[&str]) -> Value {
    let mut known = object.clone();
    keep_only(&mut known, &["apiVersion", "kind", "metadata", "spec", "status"]);
    keep_only(&mut known["spec"], fields);
    known
}

fn keep_only(value: &mut Value, fields: &[&str]) {
    if let Some(map) = value.as_object_mut() {
        map.retain(|name, _| fields.contains(&name.as_str()));
    }
}

fn drop_unknown(value: &mut Value, known: &Value, at: &str, unknown: &mut Vec<String>) {
    match (value, known) {
        (Value::Object(map), Value::Object(known)) => drop_from_map(map, known, at, unknown),
        (Value::Array(items), Value::Array(known)) => {
            for (index, (item, known)) in items.iter_mut().zip(known).enumerate() {
                drop_unknown(item, known, &format!("{at}[{index}]"), unknown);
            }
        }
        _ => {}
    }
}

fn drop_from_map(
    map: &mut Map<String, Value>,
    known: &Map<String, Value>,
    at: &str,
    unknown: &mut Vec<String>,
) {
    map.retain(|name, value| {
        let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
        match known.get(name) {
            Some(known) => drop_unknown(value, known, &path, unknown),
            None if value.is_null() => {}
            None => unknown.push(path),
        }
        known.contains_key(name)
    });
}

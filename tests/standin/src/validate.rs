//! What the API server and Tekton's admission webhook refuse about an object as a whole.

use serde_json::{Value, json};

use crate::{
    errors::{Cause, Status},
    kinds::Kind,
    pipelinerun,
};

/// What a workspace can be bound to.
const WORKSPACE_SOURCES: [&str; 7] = [
    "configMap",
    "csi",
    "emptyDir",
    "persistentVolumeClaim",
    "projected",
    "secret",
    "volumeClaimTemplate",
];

/// Checks an object that is about to be stored in place of `old`.
pub(crate) fn check(kind: &Kind, old: Option<&Value>, new: &Value) -> Result<(), Status> {
    let name = new["metadata"]["name"].as_str().unwrap_or_default();
    let mut causes = Vec::new();
    if !is_name(name) {
        let detail = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric \
                      characters, '-' or '.', and must start and end with an alphanumeric character";
        causes.push(Cause::invalid("metadata.name", &new["metadata"]["name"], detail));
    }
    match kind.name {
        "Deployment" => deployment(old, &new["spec"], &mut causes),
        "Service" if new["spec"]["ports"].as_array().is_none_or(Vec::is_empty) => {
            causes.push(Cause::required("spec.ports", ""));
        }
        "Secret" => secret(new, &mut causes),
        "PipelineRun" => pipeline_run(old, new)?,
        _ => {}
    }
    if causes.is_empty() { Ok(()) } else { Err(Status::invalid(kind, name, &causes)) }
}

fn is_name(name: &str) -> bool {
    let is_inner = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    let is_label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(is_inner)
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

fn deployment(old: Option<&Value>, spec: &Value, causes: &mut Vec<Cause>) {
    let selector = &spec["selector"]["matchLabels"];
    if !selector.is_object() && !spec["selector"]["matchExpressions"].is_array() {
        causes.push(Cause::required("spec.selector", ""));
    }
    let labels = &spec["template"]["metadata"]["labels"];
    let missing = |(name, value): (&String, &Value)| labels.get(name) != Some(value);
    if selector.as_object().into_iter().flatten().any(missing) {
        let detail = "`selector` does not match template `labels`";
        causes.push(Cause::invalid("spec.template.metadata.labels", labels, detail));
    }
    let containers = spec["template"]["spec"]["containers"].as_array();
    if containers.is_none_or(Vec::is_empty) {
        causes.push(Cause::required("spec.template.spec.containers", ""));
    }
    for (index, container) in containers.into_iter().flatten().enumerate() {
        for field in ["name", "image"] {
            if container[field].as_str().is_none_or(str::is_empty) {
                let path = format!("spec.template.spec.containers[{index}].{field}");
                causes.push(Cause::required(path, ""));
            }
        }
    }
    let deadline = &spec["progressDeadlineSeconds"];
    if deadline.as_i64() <= spec["minReadySeconds"].as_i64().or(Some(0)) {
        let detail = "must be greater than minReadySeconds";
        causes.push(Cause::invalid("spec.progressDeadlineSeconds", deadline, detail));
    }
    if old.is_some_and(|old| old["spec"]["selector"] != spec["selector"]) {
        causes.push(Cause::invalid("spec.selector", &spec["selector"], "field is immutable"));
    }
}

fn pipeline_run(old: Option<&Value>, new: &Value) -> Result<(), Status> {
    let spec = &new["spec"];
    if let Some(old) = old {
        pipeline_run_update(old, spec)?;
    }
    let has = |name: &str| spec[name].is_object();
    match (has("pipelineRef"), has("pipelineSpec")) {
        (true, false) | (false, true) => {}
        (false, false) => {
            let message = "expected exactly one, got neither: spec.pipelineRef, spec.pipelineSpec";
            return Err(Status::denied(message));
        }
        (true, true) => {
            let message = "expected exactly one, got both: spec.pipelineRef, spec.pipelineSpec";
            return Err(Status::denied(message));
        }
    }
    workspaces(&spec["workspaces"])?;
    match spec["status"].as_str().unwrap_or_default() {
        "" | "Cancelled" | "CancelledRunFinally" | "StoppedRunFinally" | "PipelineRunPending" => {
            Ok(())
        }
        other => Err(Status::denied(&format!(
            "invalid value: {other} should be Cancelled, CancelledRunFinally, StoppedRunFinally or \
             PipelineRunPending: spec.status"
        ))),
    }
}

/// Each workspace is one volume, and each name is bound once.
fn workspaces(bindings: &Value) -> Result<(), Status> {
    let bindings = bindings.as_array().into_iter().flatten();
    let mut names = Vec::new();
    for (index, binding) in bindings.enumerate() {
        let at = format!("spec.workspaces[{index}]");
        let given = WORKSPACE_SOURCES.iter().filter(|source| binding[**source].is_object()).count();
        let all = WORKSPACE_SOURCES.map(|source| format!("{at}.{}", source.to_lowercase()));
        match given {
            0 => {
                let message = format!("expected exactly one, got neither: {}", all.join(", "));
                return Err(Status::denied(&message));
            }
            1 => {}
            _ => {
                let message = format!("expected exactly one, got both: {}", all.join(", "));
                return Err(Status::denied(&message));
            }
        }
        let secret = &binding["secret"];
        if secret.is_object() && secret["secretName"].as_str().is_none_or(str::is_empty) {
            let message = format!("missing field(s): {at}.secret.secretName");
            return Err(Status::denied(&message));
        }
        if let Some(first) = names.iter().position(|name| *name == &binding["name"]) {
            let message = format!(
                "workspace {} provided by pipelinerun more than once, at index {first} and {index}: {at}.name",
                binding["name"]
            );
            return Err(Status::denied(&message));
        }
        names.push(&binding["name"]);
    }
    Ok(())
}

/// A type that has required keys has one of them.
fn secret(new: &Value, causes: &mut Vec<Cause>) {
    let has = |key: &str| ["data", "stringData"].iter().any(|map| new[*map].get(key).is_some());
    if new["type"] == "kubernetes.io/basic-auth" && !has("username") && !has("password") {
        causes.push(Cause::required("data[%s]username", ""));
        causes.push(Cause::required("data[%s]password", ""));
    }
}

fn pipeline_run_update(old: &Value, spec: &Value) -> Result<(), Status> {
    if old["spec"] == *spec {
        return Ok(());
    }
    if pipelinerun::has_ended(old) {
        let message =
            "invalid value: Once the PipelineRun is complete, no updates are allowed: spec";
        return Err(Status::denied(message));
    }
    let without_status = |spec: &Value| {
        let mut spec = spec.clone();
        spec["status"] = json!(null);
        spec
    };
    if without_status(&old["spec"]) != without_status(spec) {
        let message = "invalid value: Once the PipelineRun has started, only status updates are allowed: spec";
        return Err(Status::denied(message));
    }
    Ok(())
}

//! Reading a Pipeline: its tasks, its parameters, and what they become in the status of a run.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::param;

/// The spec of a Pipeline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pipeline<'a>(pub(super) &'a Value);

impl<'a> Pipeline<'a> {
    pub(super) fn tasks(self) -> Vec<&'a str> {
        names(&self.0["tasks"])
    }

    pub(super) fn finally(self) -> Vec<&'a str> {
        names(&self.0["finally"])
    }

    /// The task that a failing build fails in: the one called `build`, else the first.
    pub(super) fn failing(self) -> Option<&'a str> {
        let tasks = self.tasks();
        tasks.iter().find(|task| **task == "build").or(tasks.first()).copied()
    }

    /// The parameters without a default that the run does not give.
    pub(super) fn missing_params(self, run: &Value) -> Vec<&'a str> {
        let given: Vec<_> = names(&run["spec"]["params"]);
        let params = self.0["params"].as_array().into_iter().flatten();
        params
            .filter(|param| param["default"].is_null())
            .filter_map(|param| param["name"].as_str())
            .filter(|name| !given.contains(name))
            .collect()
    }

    /// The spec with the run's parameters in place, as `status.pipelineSpec` shows it.
    pub(super) fn resolved(self, run: &Value) -> Value {
        let mut spec = self.0.clone();
        let mut values: Vec<(String, String)> = Vec::new();
        for declared in self.0["params"].as_array().into_iter().flatten() {
            let name = declared["name"].as_str().unwrap_or_default();
            let value = param(run, name).or(declared["default"].as_str()).unwrap_or_default();
            values.push((format!("$(params.{name})"), value.to_owned()));
        }
        for part in ["tasks", "finally"] {
            if let Some(tasks) = spec.get_mut(part) {
                replace(tasks, &values);
                tasks.as_array_mut().into_iter().flatten().for_each(name_task_kind);
            }
        }
        spec
    }

    /// The results whose task has finished.
    pub(super) fn results(self, run: &Value, finished: &BTreeSet<String>) -> Vec<Value> {
        let results = self.0["results"].as_array().into_iter().flatten();
        let of_finished = results.filter(|result| {
            let value = result["value"].as_str().unwrap_or_default();
            let task = value.strip_prefix("$(tasks.").and_then(|rest| rest.split('.').next());
            task.is_none_or(|task| finished.contains(task))
        });
        of_finished.map(|r| json!({"name": r["name"], "value": digest(run)})).collect()
    }
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(|item| item["name"].as_str()).collect()
}

fn replace(value: &mut Value, values: &[(String, String)]) {
    match value {
        Value::String(text) => {
            for (reference, value) in values {
                *text = text.replace(reference, value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| replace(item, values)),
        Value::Object(map) => map.values_mut().for_each(|value| replace(value, values)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn name_task_kind(task: &mut Value) {
    if task["taskRef"]["name"].is_string() && task["taskRef"]["kind"].is_null() {
        task["taskRef"]["kind"] = "Task".into();
    }
}

/// The digest of the image that a run builds: the same for the same commit of the same repository.
fn digest(run: &Value) -> String {
    let mut hash = Sha256::new();
    for name in ["repo-url", "commit-sha"] {
        hash.update(param(run, name).unwrap_or_default());
        hash.update([0]);
    }
    format!("sha256:{}", hex::encode(hash.finalize()))
}

/// What Tekton tells of its own settings.
pub(super) fn provenance() -> Value {
    json!({"featureFlags": {
        "awaitSidecarReadiness": true,
        "coschedule": "workspaces",
        "enableAPIFields": "beta",
        "enableProvenanceInStatus": true,
        "enforceNonfalsifiability": "none",
        "maxResultSize": 4096,
        "resultExtractionMethod": "termination-message",
        "runningInEnvWithInjectedSidecars": true,
        "sendCloudEventsForRuns": true,
        "verificationNoMatchPolicy": "ignore",
    }})
}

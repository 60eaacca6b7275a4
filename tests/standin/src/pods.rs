//! Pods. Nothing runs here: they are made up, when they are asked for, from what the controllers remember.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    clock, deployment, kinds,
    logs::Log,
    pipelinerun::{self, Times},
    replicas::Replica,
    store::Store,
    switches::Logs,
};

/// A pod, and since when its containers run.
pub(crate) struct Pod {
    pub(crate) object: Value,
    began: Timestamp,
    ended: Option<Timestamp>,
    failed: bool,
    /// What its containers say first.
    says: Vec<String>,
}

/// The pods of a namespace, or of all when that is empty.
pub(crate) fn list(store: &Store, logs: &Logs, namespace: &str) -> Vec<Pod> {
    let runs = store.list(&kinds::PIPELINE_RUN, namespace);
    let of_runs = runs.flat_map(|(key, run)| of_run(run, &store.memory(key), logs));
    let deployments = store.list(&kinds::DEPLOYMENT, namespace);
    let of_deployments = deployments.flat_map(|(key, deployment)| {
        let memory: deployment::Memory =
            serde_json::from_value(store.memory(key).as_ref().clone()).unwrap_or_default();
        let pods = memory.replicas.pods;
        pods.into_iter().map(|pod| of_replica(deployment, &pod, logs)).collect::<Vec<_>>()
    });
    of_runs.chain(of_deployments).collect()
}

/// One pod.
pub(crate) fn find(store: &Store, logs: &Logs, namespace: &str, name: &str) -> Option<Pod> {
    list(store, logs, namespace).into_iter().find(|pod| pod.object["metadata"]["name"] == name)
}

impl Pod {
    /// The names of its containers.
    pub(crate) fn containers(&self) -> Vec<&str> {
        let containers = self.object["spec"]["containers"].as_array();
        containers.into_iter().flatten().filter_map(|c| c["name"].as_str()).collect()
    }

    /// What a container has written; `None` while it waits to begin.
    pub(crate) fn log(&self, container: &str, logs: &Logs) -> Option<Log> {
        if self.began > Timestamp::now() {
            return None;
        }
        let name = self.object["metadata"]["name"].as_str().unwrap_or_default();
        let head = format!("[stand-in] {name}: nothing runs here, this log is made up");
        let is_last = self.containers().last() == Some(&container);
        let end = if self.failed && is_last {
            "[stand-in] the step failed with exit code 1"
        } else {
            "[stand-in] the step is done"
        };
        Some(Log {
            began: self.began,
            ended: self.ended,
            first: std::iter::once(head).chain(self.says.iter().cloned()).collect(),
            last: vec![end.to_owned()],
            logs: logs.clone(),
        })
    }

    /// The object with the status of its containers.
    fn with_status(mut self, ready: bool) -> Self {
        let now = Timestamp::now();
        let (phase, state) = match self.ended {
            _ if self.began > now => {
                ("Pending", json!({"waiting": {"reason": "ContainerCreating"}}))
            }
            None => ("Running", json!({"running": {"startedAt": clock::whole(self.began)}})),
            Some(ended) => {
                let (phase, code, reason) = if self.failed {
                    ("Failed", 1, "Error")
                } else {
                    ("Succeeded", 0, "Completed")
                };
                let times = (clock::whole(self.began), clock::whole(ended));
                let state = json!({"terminated": {
                    "exitCode": code, "reason": reason, "startedAt": times.0,
                    "finishedAt": times.1, "containerID": "stand-in://c",
                }});
                (phase, state)
            }
        };
        let containers = self.object["spec"]["containers"].as_array().cloned().unwrap_or_default();
        let statuses: Value = containers
            .iter()
            .map(|container| {
                json!({
                    "name": container["name"], "image": container["image"], "imageID": "",
                    "state": state, "lastState": {}, "ready": ready && phase == "Running",
                    "restartCount": 0, "started": phase == "Running",
                })
            })
            .collect();
        self.object["status"] = json!({
            "phase": phase, "startTime": self.object["metadata"]["creationTimestamp"],
            "containerStatuses": statuses,
        });
        self
    }
}

/// A pod for each TaskRun. The pods of cancelled and timed-out runs are gone, as Tekton deletes them.
fn of_run(run: &Value, memory: &Value, logs: &Logs) -> Vec<Pod> {
    let reason = run["status"]["conditions"][0]["reason"].as_str().unwrap_or_default();
    if matches!(reason, "Cancelled" | "PipelineRunTimeout") {
        return Vec::new();
    }
    let children = run["status"]["childReferences"].as_array().into_iter().flatten();
    let pods = children.filter_map(|child| {
        let task = child["pipelineTaskName"].as_str()?;
        Some(of_task_run(run, child, task, Times::of(memory, task)?, logs))
    });
    pods.collect()
}

fn of_task_run(run: &Value, child: &Value, task: &str, times: Times, logs: &Logs) -> Pod {
    let metadata = &run["metadata"];
    let task_run = child["name"].as_str().unwrap_or_default();
    let uid = id_of(&metadata["uid"], task_run);
    let mut labels = metadata["labels"].clone();
    labels["app.kubernetes.io/managed-by"] = "tekton-pipelines".into();
    labels["tekton.dev/memberOf"] = "tasks".into();
    labels["tekton.dev/pipelineRun"] = metadata["name"].clone();
    labels["tekton.dev/pipelineRunUID"] = metadata["uid"].clone();
    labels["tekton.dev/pipelineTask"] = task.into();
    labels["tekton.dev/taskRun"] = task_run.into();
    labels["tekton.dev/taskRunUID"] = uid.clone().into();
    let owner = json!({
        "apiVersion": "tekton.dev/v1", "kind": "TaskRun", "name": task_run, "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    });
    // Tekton starts all steps at once, and lets each wait for the one before it.
    let steps = if task == "build" { vec!["build", "push"] } else { vec![task] };
    let steps =
        steps.into_iter().map(|step| json!({"name": format!("step-{step}"), "image": "stand-in"}));
    let object = json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": metadata_of(&format!("{task_run}-pod"), metadata, &labels, owner, times.began),
        "spec": {"containers": steps.collect::<Value>(), "restartPolicy": "Never"},
    });
    let param = |name| pipelinerun::param(run, name).unwrap_or("?");
    let says = match task {
        "clone" => vec![format!("cloned {} at {}", param("repo-url"), param("commit-sha"))],
        "build" => vec![format!("building {}", param("image"))],
        _ => vec![format!("[stand-in] task {task} would run now")],
    };
    let began = times.began + Duration::from_millis(logs.start_ms);
    Pod { object, began, ended: times.ended, failed: times.failed, says }.with_status(true)
}

fn of_replica(deployment: &Value, replica: &Replica, logs: &Logs) -> Pod {
    let metadata = &deployment["metadata"];
    let mut labels = replica.labels.clone();
    labels["pod-template-hash"] = replica.template.clone().into();
    let set = format!("{}-{}", metadata["name"].as_str().unwrap_or_default(), replica.template);
    let owner = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": set,
        "uid": id_of(&metadata["uid"], &set), "controller": true, "blockOwnerDeletion": true,
    });
    let containers = replica.containers.as_array().into_iter().flatten();
    let containers: Value =
        containers.map(|c| json!({"name": c["name"], "image": c["image"]})).collect();
    let image = containers[0]["image"].as_str().unwrap_or_default().to_owned();
    let object = json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": metadata_of(&replica.name, metadata, &labels, owner, replica.began),
        "spec": {"containers": containers, "restartPolicy": "Always"},
    });
    let says = vec![format!("{image} would be listening now")];
    let began = replica.began + Duration::from_millis(logs.start_ms);
    Pod { object, began, ended: None, failed: false, says }.with_status(replica.ready)
}

fn metadata_of(name: &str, of: &Value, labels: &Value, owner: Value, began: Timestamp) -> Value {
    json!({
        "name": name,
        "namespace": of["namespace"],
        "uid": id_of(&of["uid"], name),
        "resourceVersion": of["resourceVersion"],
        "creationTimestamp": clock::whole(began),
        "labels": labels,
        "ownerReferences": [owner],
    })
}

/// The uid of something that is made up: the same each time.
fn id_of(owner: &Value, name: &str) -> String {
    let owner = owner.as_str().unwrap_or_default();
    Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{owner}/{name}").as_bytes()).to_string()
}

//! Pods and their logs. Nothing runs here, so the pods are made up when they are asked for.

use serde_json::{Value, json};

use crate::{deployment, kinds, pipelinerun, store::Store};

/// The pods of a namespace, or of all when that is empty.
pub(crate) fn list(store: &Store, namespace: &str) -> Vec<Value> {
    let runs = store.list(&kinds::PIPELINE_RUN, namespace).flat_map(|(_, run)| of_run(run));
    let deployments = store
        .list(&kinds::DEPLOYMENT, namespace)
        .flat_map(|(_, deployment)| of_deployment(deployment));
    runs.chain(deployments).collect()
}

/// One pod.
pub(crate) fn find(store: &Store, namespace: &str, name: &str) -> Option<Value> {
    list(store, namespace).into_iter().find(|pod| pod["metadata"]["name"] == name)
}

/// The log of a pod's container: plain text that says whose it is.
pub(crate) fn log(pod: &Value) -> String {
    let labels = &pod["metadata"]["labels"];
    let name = pod["metadata"]["name"].as_str().unwrap_or_default();
    let head = format!("[stand-in] {name}: nothing runs here, this log is made up\n");
    match labels["tekton.dev/pipelineTask"].as_str() {
        Some(task) => {
            let end = match pod["status"]["phase"].as_str().unwrap_or_default() {
                "Failed" => "[stand-in] the step failed with exit code 1\n",
                "Succeeded" => "[stand-in] the step is done\n",
                _ => "",
            };
            format!("{head}[stand-in] task {task} would run now\n{end}")
        }
        None => format!("{head}[stand-in] the app would be listening now\n"),
    }
}

/// A pod for each TaskRun. The pods of cancelled and timed-out runs are gone, as Tekton deletes them.
fn of_run(run: &Value) -> Vec<Value> {
    let condition = &run["status"]["conditions"][0];
    let reason = condition["reason"].as_str().unwrap_or_default();
    if matches!(reason, "Cancelled" | "PipelineRunTimeout") {
        return Vec::new();
    }
    let children: Vec<_> =
        run["status"]["childReferences"].as_array().into_iter().flatten().collect();
    let last = children.len().saturating_sub(1);
    let ended = pipelinerun::has_ended(run);
    let pods = children.into_iter().enumerate().map(|(index, child)| {
        let phase = match (index == last && !ended, condition["status"] == "False") {
            (true, _) => "Running",
            (false, true) => "Failed",
            (false, false) => "Succeeded",
        };
        of_task_run(run, child, phase)
    });
    pods.collect()
}

fn of_task_run(run: &Value, child: &Value, phase: &str) -> Value {
    let metadata = &run["metadata"];
    let task_run = child["name"].as_str().unwrap_or_default();
    let task = child["pipelineTaskName"].as_str().unwrap_or_default();
    let mut labels = metadata["labels"].clone();
    labels["app.kubernetes.io/managed-by"] = "tekton-pipelines".into();
    labels["tekton.dev/memberOf"] = "tasks".into();
    labels["tekton.dev/pipelineRun"] = metadata["name"].clone();
    labels["tekton.dev/pipelineRunUID"] = metadata["uid"].clone();
    labels["tekton.dev/pipelineTask"] = task.into();
    labels["tekton.dev/taskRun"] = task_run.into();
    let name = format!("{task_run}-pod");
    pod(
        &name,
        metadata,
        labels,
        json!([{"name": format!("step-{task}"), "image": "stand-in"}]),
        phase,
    )
}

/// A pod for each available replica.
fn of_deployment(deployment: &Value) -> Vec<Value> {
    let hash = deployment::template_hash(deployment);
    let template = &deployment["spec"]["template"];
    let replicas = deployment["status"]["availableReplicas"].as_u64().unwrap_or(0);
    let name = deployment["metadata"]["name"].as_str().unwrap_or_default();
    let containers = template["spec"]["containers"].as_array().into_iter().flatten();
    let containers: Value =
        containers.map(|c| json!({"name": c["name"], "image": c["image"]})).collect();
    let pods = (0..replicas).map(|index| {
        let mut labels = template["metadata"]["labels"].clone();
        labels["pod-template-hash"] = hash.clone().into();
        let name = format!("{name}-{hash}-{index:05}");
        pod(&name, &deployment["metadata"], labels, containers.clone(), "Running")
    });
    pods.collect()
}

fn pod(name: &str, owner: &Value, labels: Value, containers: Value, phase: &str) -> Value {
    json!({
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": name,
            "namespace": owner["namespace"],
            "uid": owner["uid"],
            "resourceVersion": owner["resourceVersion"],
            "creationTimestamp": owner["creationTimestamp"],
            "labels": labels,
        },
        "spec": {"containers": containers, "restartPolicy": "Never"},
        "status": {"phase": phase, "startTime": owner["creationTimestamp"]},
    })
}

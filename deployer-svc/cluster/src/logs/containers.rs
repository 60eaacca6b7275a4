//! Who writes: the containers of a build's or an app's pods, and how each of them is.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};

use super::Source;
use super::cursor::Key;
use crate::APP_ID;
use crate::agent::Agent;
use crate::errors::{Failure, within};
use crate::fence::CONTAINER;

/// Which run a pod belongs to, and which of its tasks; Tekton's own labels.
const RUN: &str = "tekton.dev/pipelineRun";
const TASK: &str = "tekton.dev/pipelineTask";
/// What Tekton calls the container of a step.
const STEP: &str = "step-";
/// More pods at once are not read: the newest are.
const MOST_PODS: usize = 64;

/// One container whose log is read.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) key: Key,
    pub(crate) pod: String,
    pub(crate) name: String,
    /// As people are told.
    pub(crate) origin: Arc<str>,
}

/// How a container is. An *instance* is one start of it: one that crashes is started again under the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// Its pod is not there any more, and its log neither.
    Gone,
    /// It has not written anything yet.
    Waiting,
    Running {
        instance: i32,
    },
    Ended {
        instance: i32,
        for_good: bool,
    },
}

impl Agent {
    /// The containers that are there now, in the order in which their pods began.
    pub(crate) async fn containers(&self, source: &Source) -> Result<Vec<Container>, Failure> {
        let selector = match source {
            Source::Build { run, .. } => format!("{RUN}={run}"),
            Source::App(app) => format!("{APP_ID}={}", app.id),
        };
        let api = self.pods(source);
        let mut pods = within(api.list(&ListParams::default().labels(&selector))).await?.items;
        pods.sort_by_key(|pod| (pod.creation_timestamp().map(|at| at.0), pod.name_any()));
        let surplus = pods.len().saturating_sub(MOST_PODS);
        Ok(pods.iter().skip(surplus).flat_map(|pod| containers_of(pod, source)).collect())
    }

    /// How a container is now.
    pub(crate) async fn look(
        &self,
        source: &Source,
        container: &Container,
    ) -> Result<Look, Failure> {
        let pod = within(self.pods(source).get_opt(&container.pod)).await?;
        Ok(pod.map_or(Look::Gone, |pod| state(&pod, &container.name)))
    }

    pub(crate) fn pods(&self, source: &Source) -> Api<Pod> {
        let settings = self.settings();
        let namespace = match source {
            Source::Build { .. } => &settings.build_namespace,
            Source::App(_) => &settings.apps_namespace,
        };
        Api::namespaced(self.client().clone(), namespace)
    }
}

/// The steps of a build's pod; of an app's only what is the app's own, not what a service mesh put beside it.
fn containers_of(pod: &Pod, source: &Source) -> Vec<Container> {
    let name = pod.name_any();
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let ours = containers.filter_map(|container| {
        let origin = match source {
            Source::Build { .. } => {
                let step = container.name.strip_prefix(STEP)?;
                let task = pod.labels().get(TASK).map_or("", String::as_str);
                format!("{task}/{step}")
            }
            Source::App(_) if container.name == CONTAINER => name.clone(),
            Source::App(_) => return None,
        };
        Some(Container {
            key: Key::of(&name, &container.name),
            pod: name.clone(),
            name: container.name.clone(),
            origin: origin.into(),
        })
    });
    ours.collect()
}

fn state(pod: &Pod, container: &str) -> Look {
    let status = pod.status.as_ref();
    let phase = status.and_then(|status| status.phase.as_deref()).unwrap_or_default();
    let pod_is_over = matches!(phase, "Succeeded" | "Failed");
    let restarts = pod.spec.as_ref().and_then(|spec| spec.restart_policy.as_deref());
    let for_good = pod_is_over || restarts == Some("Never");
    let statuses = status.and_then(|status| status.container_statuses.as_ref());
    match statuses.into_iter().flatten().find(|status| status.name == container) {
        Some(status) => of_status(status, for_good),
        // An evicted pod never had any.
        None if pod_is_over => Look::Ended { instance: 0, for_good: true },
        None => Look::Waiting,
    }
}

fn of_status(status: &ContainerStatus, for_good: bool) -> Look {
    let instance = status.restart_count;
    let state = status.state.as_ref();
    if state.is_some_and(|state| state.running.is_some()) {
        return Look::Running { instance };
    }
    let ended = state.is_some_and(|state| state.terminated.is_some());
    // Before the next try of one that crashed, the API server answers with the log of the last.
    let crashed = status.last_state.as_ref().is_some_and(|last| last.terminated.is_some());
    if ended || crashed {
        Look::Ended { instance, for_good: for_good && ended }
    } else {
        Look::Waiting
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(restarts: &str, phase: &str, status: &serde_json::Value) -> Pod {
        serde_json::from_value(json!({
            "metadata": { "name": "p", "labels": { TASK: "build" } },
            "spec": {
                "restartPolicy": restarts,
                "containers": [{ "name": "step-push" }, { "name": "sidecar-docker" }]
            },
            "status": { "phase": phase, "containerStatuses": status }
        }))
        .unwrap()
    }

    fn status(state: &serde_json::Value, last: &serde_json::Value) -> serde_json::Value {
        json!([{
            "name": "step-push", "state": state, "lastState": last, "restartCount": 2,
            "ready": false, "image": "x", "imageID": "x"
        }])
    }

    #[test]
    fn a_container_is_looked_through_by_its_status() {
        let (none, running) = (json!({}), json!({ "running": {} }));
        let (waiting, ended) =
            (json!({ "waiting": { "reason": "x" } }), json!({ "terminated": { "exitCode": 1 } }));
        for (restarts, state, last, expected) in [
            ("Never", &waiting, &none, Look::Waiting),
            ("Never", &running, &none, Look::Running { instance: 2 }),
            ("Never", &ended, &none, Look::Ended { instance: 2, for_good: true }),
            ("Always", &ended, &none, Look::Ended { instance: 2, for_good: false }),
            ("Always", &waiting, &ended, Look::Ended { instance: 2, for_good: false }),
            ("Always", &running, &ended, Look::Running { instance: 2 }),
        ] {
            let pod = pod(restarts, "Running", &status(state, last));
            assert_eq!(super::state(&pod, "step-push"), expected, "{restarts} {state} {last}");
        }
    }

    #[test]
    fn a_pod_that_never_started_is_waited_for_unless_it_is_over() {
        assert_eq!(state(&pod("Never", "Pending", &json!(null)), "step-push"), Look::Waiting);
        let evicted = state(&pod("Never", "Failed", &json!(null)), "step-push");
        assert_eq!(evicted, Look::Ended { instance: 0, for_good: true });
    }

    #[test]
    fn only_the_steps_of_a_build_are_told_of() {
        let run = crate::request::Label::parse("r").unwrap();
        let source = Source::Build { run, deploy: uuid::Uuid::nil() };
        let found = containers_of(&pod("Never", "Running", &json!(null)), &source);
        assert_eq!(found.iter().map(|found| &*found.origin).collect::<Vec<_>>(), ["build/push"]);
    }
}

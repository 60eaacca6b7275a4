//! What leaves the cluster when a run ends: the call back of the pipeline's `finally` task, and Tekton's CloudEvents.

use std::{sync::Arc, time::Duration};

use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    clock,
    pipelinerun::{End, param},
    world::World,
};

/// Sends reports about runs.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    world: Arc<World>,
    client: Client,
}

/// How often a report is tried, and which answers end it.
#[derive(Debug, Clone, Copy)]
struct Patience {
    attempts: u32,
    first_pause: Duration,
    /// Whether an answer with this status is worth another attempt.
    retries: fn(u16) -> bool,
}

/// What `curl --retry` does.
const CALLBACK: Patience = Patience {
    attempts: 5,
    first_pause: Duration::from_millis(200),
    retries: |status| matches!(status, 408 | 429 | 500 | 502 | 503 | 504),
};

/// What the events controller was seen to do: 400 and 500 get one attempt, these get eleven within 20 seconds.
const CLOUD_EVENT: Patience = Patience {
    attempts: 11,
    first_pause: Duration::from_millis(20),
    retries: |status| matches!(status, 404 | 429 | 503),
};

impl Reporter {
    pub(crate) fn new(world: Arc<World>) -> anyhow::Result<Self> {
        let client = Client::builder().timeout(Duration::from_secs(5)).build()?;
        Ok(Self { world, client })
    }

    /// Reports the end of a run, in the background.
    pub(crate) fn run_ended(&self, run: &Value, end: End) {
        let switches = self.world.with(|state| state.switches.clone());
        if let Some(request) = self.callback(run, end).filter(|_| switches.callbacks) {
            tokio::spawn(send(request, CALLBACK));
        }
        if let Some(request) = self.cloud_event(run, end).filter(|_| switches.cloud_events) {
            tokio::spawn(send(request, CLOUD_EVENT));
        }
    }

    fn callback(&self, run: &Value, end: End) -> Option<RequestBuilder> {
        let (url, token) = (param(run, "callback-url")?, param(run, "callback-token")?);
        let body = json!({
            "run": run["metadata"]["name"],
            "status": if end.succeeded { "Succeeded" } else { "Failed" },
        });
        let request = self.client.post(url).header("x-paas-callback-token", token).json(&body);
        end.finally_ran.then_some(request)
    }

    fn cloud_event(&self, run: &Value, end: End) -> Option<RequestBuilder> {
        let sink = self.world.options.cloud_events_sink.as_ref()?;
        let text = |name: &str| run["metadata"][name].as_str().unwrap_or_default();
        let outcome = if end.succeeded { "successful" } else { "failed" };
        let request = self
            .client
            .post(sink)
            .header("Ce-Id", Uuid::new_v4().to_string())
            // Broken in Tekton itself, and recorded so.
            .header(
                "Ce-Source",
                format!("/apis///namespaces/{}//{}", text("namespace"), text("name")),
            )
            .header("Ce-Specversion", "1.0")
            .header("Ce-Subject", text("name"))
            .header("Ce-Time", clock::precise())
            .header("Ce-Type", format!("dev.tekton.event.pipelinerun.{outcome}.v1"))
            .header("Connection", "close");
        Some(request.json(&json!({"pipelineRun": as_v1beta1(run)})))
    }
}

/// A run as the body of an event has it: v1beta1, without kind and apiVersion.
fn as_v1beta1(run: &Value) -> Value {
    let mut spec = run["spec"].clone();
    if let Some(map) = spec.as_object_mut()
        && let Some(template) = map.remove("taskRunTemplate")
    {
        map.insert("serviceAccountName".into(), template["serviceAccountName"].clone());
    }
    let mut status = run["status"].clone();
    if let Some(map) = status.as_object_mut()
        && let Some(results) = map.remove("results")
    {
        map.insert("pipelineResults".into(), results);
    }
    json!({"metadata": run["metadata"], "spec": spec, "status": status})
}

async fn send(request: RequestBuilder, patience: Patience) {
    let mut pause = patience.first_pause;
    for attempt in 1..=patience.attempts {
        let Some(request) = request.try_clone() else { return };
        match request.send().await.map(|answer| answer.status()) {
            Ok(status) if status.is_success() => return,
            Ok(status) if !(patience.retries)(status.as_u16()) => {
                tracing::warn!(%status, attempt, "the report of a run was refused");
                return;
            }
            Ok(status) => tracing::debug!(%status, attempt, "the report of a run has to wait"),
            Err(error) => {
                let error = error.without_url();
                tracing::debug!(%error, attempt, "the report of a run did not arrive");
            }
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
    tracing::warn!(attempts = patience.attempts, "the report of a run is lost");
}

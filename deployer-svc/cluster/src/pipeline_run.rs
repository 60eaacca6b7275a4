//! Tekton's PipelineRun as far as we write and read it: the order of a build, and what a run says about itself.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::CustomResource;
use kube::core::ObjectMeta;
use paas_proto::cluster::{Build, BuildPhase};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::clone_secret;
use crate::request::{App, BuildOrder, is_digest, is_image_repository};
use crate::settings::Settings;
use crate::{APP_ID, APP_NAME, DEPLOY_ID, SHA, TENANT_ID};

/// Parameter with the image that the run pushes.
const IMAGE: &str = "image";
/// Every parameter that a run is given.
pub(crate) const PARAMS: [&str; 5] =
    ["repo-url", "commit-sha", IMAGE, "callback-url", "callback-token"];
/// Result with the digest of what was pushed.
pub(crate) const IMAGE_DIGEST: &str = "image-digest";
/// Tekton's spans join the trace that this annotation names.
const SPAN_CONTEXT: &str = "tekton.dev/pipelinerunSpanContext";
/// What the shipped Pipeline works in.
const WORKSPACE: &str = "source";
/// Sources and layers of one build.
const WORKSPACE_SIZE: &str = "8Gi";

/// `spec`; generates [`PipelineRun`].
#[derive(CustomResource, Debug, Clone, Default, Serialize, Deserialize)]
#[kube(group = "tekton.dev", version = "v1", kind = "PipelineRun", namespaced)]
#[kube(status = "RunStatus", schema = "disabled")]
#[serde(rename_all = "camelCase")]
pub(crate) struct RunSpec {
    pub(crate) pipeline_ref: Option<PipelineRef>,
    #[serde(default)]
    pub(crate) params: Vec<Param>,
    /// Set to stop the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    pub(crate) task_run_template: Option<TaskRunTemplate>,
    pub(crate) timeouts: Option<Timeouts>,
    #[serde(default)]
    pub(crate) workspaces: Vec<Value>,
}

/// Which Pipeline, in the run's own namespace.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct PipelineRef {
    pub(crate) name: Option<String>,
}

/// A parameter or a result: text, but other pipelines may have lists and objects.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// What all task runs share.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TaskRunTemplate {
    pub(crate) service_account_name: Option<String>,
}

/// Go durations.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Timeouts {
    pub(crate) pipeline: Option<String>,
}

/// `status`; empty at the start.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct RunStatus {
    #[serde(default)]
    pub(crate) conditions: Vec<RunCondition>,
    #[serde(default)]
    pub(crate) results: Vec<Param>,
}

/// A knative condition.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct RunCondition {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) status: String,
    #[serde(default)]
    pub(crate) reason: String,
    #[serde(default)]
    pub(crate) message: String,
}

/// The run that builds this order. `token` opens nothing but a re-check of this one run.
pub(crate) fn order(settings: &Settings, order: &BuildOrder, token: &str) -> PipelineRun {
    let image = format!("{}:{}", repository(settings, &order.app), order.sha);
    let [repo_url, commit_sha, _, callback_url, callback_token] = PARAMS;
    let params = [
        (repo_url, order.clone_url.to_string()),
        (commit_sha, order.sha.to_string()),
        (IMAGE, image),
        (callback_url, settings.callback_url(order.deploy)),
        (callback_token, token.to_owned()),
    ];
    let mut annotations = BTreeMap::from([(SHA.to_owned(), order.sha.to_string())]);
    if let Some(traceparent) = &order.traceparent {
        let carrier = json!({ "traceparent": traceparent }).to_string();
        annotations.insert(SPAN_CONTEXT.to_owned(), carrier);
    }
    let source = json!({ "name": WORKSPACE, "emptyDir": { "sizeLimit": WORKSPACE_SIZE } });
    let credential =
        order.credential.as_ref().map(|_| clone_secret::workspace(&order.run.to_string()));
    PipelineRun {
        metadata: ObjectMeta {
            name: Some(order.run.to_string()),
            labels: Some(BTreeMap::from([
                (APP_NAME.to_owned(), order.app.name.to_string()),
                (TENANT_ID.to_owned(), order.app.tenant.to_string()),
                (APP_ID.to_owned(), order.app.id.to_string()),
                (DEPLOY_ID.to_owned(), order.deploy.to_string()),
            ])),
            annotations: Some(annotations),
            ..ObjectMeta::default()
        },
        spec: RunSpec {
            pipeline_ref: Some(PipelineRef { name: Some(settings.pipeline_name.clone()) }),
            params: params
                .into_iter()
                .map(|(name, value)| Param { name: name.to_owned(), value: value.into() })
                .collect(),
            status: None,
            task_run_template: Some(TaskRunTemplate {
                service_account_name: Some(settings.build_service_account.clone()),
            }),
            timeouts: Some(Timeouts {
                pipeline: Some(format!("{}s", settings.build_timeout_seconds)),
            }),
            workspaces: [source].into_iter().chain(credential).collect(),
        },
        status: None,
    }
}

/// Where an app's images are kept.
fn repository(settings: &Settings, app: &App) -> String {
    format!("{}/{}/{}", settings.registry, app.tenant, app.name)
}

impl PipelineRun {
    /// The deploy that this run belongs to, as its label says.
    pub(crate) fn deploy(&self) -> Option<&str> {
        Some(self.metadata.labels.as_ref()?.get(DEPLOY_ID)?.as_str())
    }

    /// Whether the run has ended, well or badly.
    pub(crate) fn has_ended(&self) -> bool {
        self.verdict() != BuildPhase::Running
    }

    /// Whether the run has ended, or has been told to.
    pub(crate) fn is_stopping(&self) -> bool {
        self.spec.status.is_some() || self.has_ended()
    }

    /// Judged by the status of the `Succeeded` condition alone: its reasons are many and differ between versions.
    fn verdict(&self) -> BuildPhase {
        match self.condition().map(|condition| condition.status.as_str()) {
            Some("True") => BuildPhase::Succeeded,
            Some("False") => BuildPhase::Failed,
            _ => BuildPhase::Running,
        }
    }

    fn condition(&self) -> Option<&RunCondition> {
        self.status.as_ref()?.conditions.iter().find(|condition| condition.kind == "Succeeded")
    }

    /// What the run says about itself.
    pub(crate) fn build(&self) -> Build {
        let mut reason = self.condition().map_or_else(
            || "waiting for Tekton".to_owned(),
            |condition| format!("{}: {}", condition.reason, condition.message),
        );
        let mut phase = self.verdict();
        let mut image = String::new();
        if phase == BuildPhase::Succeeded {
            match self.image() {
                Ok(by_digest) => image = by_digest,
                Err(why) => (phase, reason) = (BuildPhase::Failed, why.to_owned()),
            }
        }
        let created_at = self.metadata.creation_timestamp.as_ref().map(timestamp);
        Build { phase: phase.into(), image, reason, created_at }
    }

    /// The image by digest: the repository is the one that we ordered, only the digest is the run's to say.
    fn image(&self) -> Result<String, &'static str> {
        let digest = self.status.as_ref().and_then(|status| text_of(&status.results, IMAGE_DIGEST));
        let digest = digest
            .map(str::trim)
            .filter(|digest| is_digest(digest))
            .ok_or("the run succeeded without a valid `image-digest` result")?;
        let repository = text_of(&self.spec.params, IMAGE)
            .and_then(|image| image.rsplit_once(':'))
            .map(|(repository, _tag)| repository)
            .filter(|repository| is_image_repository(repository))
            .ok_or("the run has no valid `image` parameter")?;
        Ok(format!("{repository}@{digest}"))
    }
}

fn text_of<'a>(params: &'a [Param], name: &str) -> Option<&'a str> {
    params.iter().find(|param| param.name == name)?.value.as_str()
}

fn timestamp(Time(time): &Time) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: time.as_second(), nanos: time.subsec_nanosecond() }
}

#[cfg(test)]
mod tests;

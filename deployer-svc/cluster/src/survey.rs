//! What the cluster holds of what deploys stand on: read once, for people who set it up.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, ServiceAccount};
use kube::core::{DynamicObject, GroupVersionKind};
use kube::{Api, Config, api::ApiResource};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::agent::Agent;
use crate::errors::{Error, Failure, within};
use crate::pipeline_run::{IMAGE_DIGEST, PARAMS};

/// Where Tekton's release says its version, readable by everybody who has logged in.
const TEKTON_NAMESPACE: &str = "tekton-pipelines";
const TEKTON_INFO: &str = "pipelines-info";

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// Version of Tekton Pipelines, for instance `v1.15.0`, where it can be read.
    pub tekton: Option<String>,
    /// The namespaces of builds and of apps.
    pub namespaces: Vec<(String, Presence)>,
    /// Whom builds run as.
    pub service_account: Presence,
    /// What builds an app.
    pub pipeline: Pipeline,
    /// How far the API server's clock is ahead of ours, and how exactly that is known.
    pub clock_ahead: Option<(SignedDuration, Duration)>,
}

/// Whether an object is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    There,
    /// It is not.
    Missing,
    /// We may not look, or there was no answer.
    Unknown(String),
}

/// The Pipeline, held against what a run gives and expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// Whether it is there.
    pub presence: Presence,
    /// Parameters that a run gives and the Pipeline does not declare: it would build without them.
    pub undeclared: Vec<String>,
    /// Parameters that the Pipeline wants, without a default, and a run does not give: every run would fail.
    pub not_given: Vec<String>,
    /// Whether it gives the result with the image's digest, without which nothing can be rolled out.
    pub reports_digest: bool,
}

/// The API server's address, as the agent would find it.
pub async fn api_server() -> Option<String> {
    Config::infer().await.ok().map(|config| config.cluster_url.to_string())
}

impl Agent {
    /// Looks for everything that deploys stand on.
    pub async fn survey(&self) -> Result<Survey, Error> {
        let settings = self.settings();
        let mut namespaces = Vec::new();
        for name in [&settings.build_namespace, &settings.apps_namespace] {
            let api = Api::<Namespace>::all(self.client().clone());
            namespaces.push((name.clone(), presence(&get(&api, name).await)));
        }
        let builds = &settings.build_namespace;
        let accounts = Api::<ServiceAccount>::namespaced(self.client().clone(), builds);
        let service_account = presence(&get(&accounts, &settings.build_service_account).await);
        Ok(Survey {
            tekton: self.tekton_version().await,
            namespaces,
            service_account,
            pipeline: self.pipeline().await,
            clock_ahead: self.clock_ahead().await?,
        })
    }

    async fn tekton_version(&self) -> Option<String> {
        let api = Api::<ConfigMap>::namespaced(self.client().clone(), TEKTON_NAMESPACE);
        let info = get(&api, TEKTON_INFO).await.ok()?;
        info.data?.remove("version")
    }

    async fn pipeline(&self) -> Pipeline {
        let kind = GroupVersionKind::gvk("tekton.dev", "v1", "Pipeline");
        let resource = ApiResource::from_gvk(&kind);
        let namespace = &self.settings().build_namespace;
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.client().clone(), namespace, &resource);
        let found = get(&api, &self.settings().pipeline_name).await;
        let presence = presence(&found);
        Pipeline { presence, ..Pipeline::held_against_a_run(found.ok().map(|object| object.data)) }
    }

    /// By the date of an answer, which is exact to the second.
    async fn clock_ahead(&self) -> Result<Option<(SignedDuration, Duration)>, Error> {
        let request = http::Request::get("/version").body(kube::client::Body::empty());
        let Ok(request) = request else { return Ok(None) };
        let asked = Timestamp::now();
        let answer = within(self.client().send(request)).await?;
        let took = Timestamp::now().duration_since(asked).unsigned_abs();
        let date = answer.headers().get(http::header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        Ok(date.map(|date| {
            let ahead = date.timestamp().duration_since(asked);
            (ahead, took + Duration::from_secs(1))
        }))
    }
}

/// The part of a Pipeline's `spec` that runs meet.
#[derive(Debug, Default, Deserialize)]
struct Spec {
    #[serde(default)]
    params: Vec<Declared>,
    #[serde(default)]
    results: Vec<Declared>,
}

#[derive(Debug, Deserialize)]
struct Declared {
    name: String,
    default: Option<Value>,
}

impl Pipeline {
    /// `None` for one that cannot be read.
    fn held_against_a_run(object: Option<Value>) -> Self {
        let spec = object.and_then(|mut object| serde_json::from_value(object["spec"].take()).ok());
        let Some(Spec { params, results }) = spec else {
            return Self {
                presence: Presence::Missing,
                undeclared: Vec::new(),
                not_given: Vec::new(),
                reports_digest: true,
            };
        };
        let declared = |name: &&str| !params.iter().any(|param| param.name == *name);
        let wanted = params.iter().filter(|param| param.default.is_none());
        let not_given = wanted.filter(|param| !PARAMS.contains(&param.name.as_str()));
        Self {
            presence: Presence::There,
            undeclared: PARAMS.into_iter().filter(declared).map(str::to_owned).collect(),
            not_given: not_given.map(|param| param.name.clone()).collect(),
            reports_digest: results.iter().any(|result| result.name == IMAGE_DIGEST),
        }
    }
}

async fn get<K>(api: &Api<K>, name: &str) -> Result<K, Failure>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    within(api.get(name)).await
}

fn presence<K>(found: &Result<K, Failure>) -> Presence {
    match found {
        Ok(_) => Presence::There,
        Err(Failure::Missing(_)) => Presence::Missing,
        Err(failure) => Presence::Unknown(failure.shown("")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn pipeline(params: &Value, results: &Value) -> Pipeline {
        let object = json!({ "spec": { "params": params, "results": results } });
        Pipeline::held_against_a_run(Some(object))
    }

    #[test]
    fn a_pipeline_that_declares_what_runs_give_fits() {
        let params: Vec<_> = PARAMS.iter().map(|name| json!({ "name": name })).collect();
        let fits = pipeline(&params.into(), &json!([{ "name": "image-digest" }]));
        assert_eq!(
            (fits.undeclared.len(), fits.not_given.len(), fits.reports_digest),
            (0, 0, true)
        );
    }

    #[test]
    fn what_a_pipeline_lacks_or_wants_beyond_is_named() {
        let wants = json!([
            { "name": "repo-url" }, { "name": "image" }, { "name": "callback-url" },
            { "name": "callback-token" }, { "name": "cache", "default": "" }, { "name": "team" },
        ]);
        let found = pipeline(&wants, &json!([]));
        assert_eq!(found.undeclared, ["commit-sha"]);
        assert_eq!(found.not_given, ["team"]);
        assert!(!found.reports_digest);
    }
}

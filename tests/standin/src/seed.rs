//! What a cluster holds that is ready for the platform: its namespaces, the build pipeline, whom builds run as, and what
//! Tekton's release says about itself.

use serde_json::{Value, json};

use crate::{
    errors::Status,
    kinds::{self, Kind},
    store::Store,
    verbs::{self, FieldValidation, Request},
};

/// The version whose behaviour was recorded.
const TEKTON_VERSION: &str = "v1.15.0";
const TEKTON_NAMESPACE: &str = "tekton-pipelines";
/// Whom builds run as, by the platform's own manifests.
const SERVICE_ACCOUNT: &str = "paas-build";

/// Creates the namespaces and, in each, pipeline and service account, where they are not there yet.
pub(crate) fn plant(
    store: &mut Store,
    namespaces: &[String],
    pipeline: &str,
) -> Result<(), Status> {
    for namespace in namespaces {
        let body = json!({"metadata": {"name": namespace}});
        plant_one(store, &kinds::NAMESPACE, "", &body)?;
        let body = json!({"metadata": {"name": pipeline}, "spec": build_pipeline()});
        plant_one(store, &kinds::PIPELINE, namespace, &body)?;
        let body = json!({"metadata": {"name": SERVICE_ACCOUNT}});
        plant_one(store, &kinds::SERVICE_ACCOUNT, namespace, &body)?;
    }
    plant_one(store, &kinds::NAMESPACE, "", &json!({"metadata": {"name": TEKTON_NAMESPACE}}))?;
    let body = json!({"metadata": {"name": "pipelines-info"}, "data": {"version": TEKTON_VERSION}});
    plant_one(store, &kinds::CONFIG_MAP, TEKTON_NAMESPACE, &body)
}

fn plant_one(
    store: &mut Store,
    kind: &'static Kind,
    namespace: &str,
    body: &Value,
) -> Result<(), Status> {
    let name = body["metadata"]["name"].as_str().unwrap_or_default();
    if store.get(&crate::store::Key::new(kind, namespace, name)).is_some() {
        return Ok(());
    }
    // Nobody's write: it is made beforehand, and so is not in the audit log.
    let request = Request {
        kind,
        namespace: namespace.to_owned(),
        name: String::new(),
        manager: "stand-in".to_owned(),
        dry_run: true,
        force: false,
        field_validation: FieldValidation::Ignore,
    };
    let accepted = verbs::create(store, &request, body)?;
    store.put(kind, accepted.object.as_ref().clone(), None, None);
    Ok(())
}

/// The pipeline that the platform's own manifests describe, in outline.
fn build_pipeline() -> Value {
    let names = ["repo-url", "commit-sha", "image", "callback-url", "callback-token"];
    let declared = names.map(|name| json!({"name": name, "type": "string"}));
    let param = |name: &str| json!({"name": name, "value": format!("$(params.{name})")});
    json!({
        "params": declared,
        "results": [{"name": "image-digest", "value": "$(tasks.build.results.image-digest)"}],
        "tasks": [
            {
                "name": "clone", "taskRef": {"name": "paas-clone"},
                "params": [param("repo-url"), param("commit-sha")],
            },
            {
                "name": "build", "taskRef": {"name": "paas-build"}, "runAfter": ["clone"],
                "params": [param("image")],
            },
        ],
        "finally": [{
            "name": "call-back", "taskRef": {"name": "paas-call-back"},
            "params": [param("callback-url"), param("callback-token")],
        }],
    })
}

//! The resources that the stand-in knows, and what the API machinery needs to know about each.

use serde_json::Value;

/// One resource type of the API.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) name: &'static str,
    pub(crate) namespaced: bool,
    /// Defined by a `CustomResourceDefinition`: lists are atomic, unknown fields are pruned, items of a list keep their kind.
    pub(crate) custom: bool,
    /// Whether `metadata.generation` counts the changes of `spec`.
    pub(crate) generations: bool,
    /// Verbs as discovery lists them.
    pub(crate) verbs: &'static [&'static str],
}

const STORED: &[&str] = &["create", "delete", "get", "list", "patch", "update", "watch"];
const READ_ONLY: &[&str] = &["get", "list"];
const TEKTON: &str = "tekton.dev";

const fn typed(group: &'static str, plural: &'static str, name: &'static str) -> Kind {
    let (version, namespaced, custom, generations) = ("v1", true, false, false);
    Kind { group, version, plural, name, namespaced, custom, generations, verbs: STORED }
}

const fn tekton(plural: &'static str, name: &'static str) -> Kind {
    Kind { custom: true, generations: true, ..typed(TEKTON, plural, name) }
}

pub(crate) static NAMESPACE: Kind =
    Kind { namespaced: false, ..typed("", "namespaces", "Namespace") };
pub(crate) static SERVICE_ACCOUNT: Kind = typed("", "serviceaccounts", "ServiceAccount");
pub(crate) static CONFIG_MAP: Kind = typed("", "configmaps", "ConfigMap");
pub(crate) static SECRET: Kind = typed("", "secrets", "Secret");
pub(crate) static SERVICE: Kind = typed("", "services", "Service");
pub(crate) static POD: Kind = Kind { verbs: READ_ONLY, ..typed("", "pods", "Pod") };
pub(crate) static DEPLOYMENT: Kind =
    Kind { generations: true, ..typed("apps", "deployments", "Deployment") };
pub(crate) static INGRESS: Kind =
    Kind { generations: true, ..typed("networking.k8s.io", "ingresses", "Ingress") };
pub(crate) static PIPELINE_RUN: Kind = tekton("pipelineruns", "PipelineRun");
pub(crate) static PIPELINE: Kind = tekton("pipelines", "Pipeline");
pub(crate) static TASK: Kind = tekton("tasks", "Task");

/// Every kind, in the order of discovery.
pub(crate) static ALL: [&Kind; 11] = [
    &NAMESPACE,
    &SERVICE_ACCOUNT,
    &CONFIG_MAP,
    &SECRET,
    &POD,
    &SERVICE,
    &DEPLOYMENT,
    &INGRESS,
    &PIPELINE_RUN,
    &PIPELINE,
    &TASK,
];

/// The kind that a group and the plural of a path name.
pub(crate) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
    ALL.into_iter().find(|k| (k.group, k.version, k.plural) == (group, version, plural))
}

/// The kind with this plural: unique among those of the stand-in.
pub(crate) fn by_plural(plural: &str) -> Option<&'static Kind> {
    ALL.into_iter().find(|k| k.plural == plural)
}

impl Kind {
    /// `apps/v1`, or `v1` for the core group.
    pub(crate) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// `deployments.apps`, as messages name it.
    pub(crate) fn qualified(&self) -> String {
        qualify(self.plural, self.group)
    }

    /// `Deployment.apps`, as validation names it.
    pub(crate) fn qualified_kind(&self) -> String {
        qualify(self.name, self.group)
    }

    /// Writes `kind` and `apiVersion` into an object, which clients may leave out.
    pub(crate) fn stamp(&self, object: &mut Value) {
        if let Some(map) = object.as_object_mut() {
            map.insert("kind".to_owned(), self.name.into());
            map.insert("apiVersion".to_owned(), self.api_version().into());
        }
    }
}

fn qualify(name: &str, group: &str) -> String {
    if group.is_empty() { name.to_owned() } else { format!("{name}.{group}") }
}

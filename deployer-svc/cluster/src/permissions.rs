//! What the agent may do and must be able to do: the list that k8s/ grants, and the question to the API server whether
//! it does.

use futures_util::future::try_join_all;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use crate::agent::Agent;
use crate::errors::{Error, Failure, within};
use crate::settings::Settings;

/// Where a permission is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Builds,
    Apps,
}

/// Every verb that this crate uses, and no other. Server-side apply is a patch, and needs create for what is missing.
const NEEDED: [(Place, &str, &str, &[&str]); 9] = [
    (Place::Builds, "tekton.dev", "pipelineruns", &["get", "list", "watch", "create", "patch"]),
    // A build's clone credential is written and taken away, never read.
    (Place::Builds, "", "secrets", &["create", "delete"]),
    (Place::Builds, "", "pods", &["get", "list"]),
    (Place::Builds, "", "pods/log", &["get"]),
    (Place::Apps, "apps", "deployments", &["get", "list", "watch", "create", "patch", "delete"]),
    (Place::Apps, "", "services", &["get", "create", "patch", "delete"]),
    (Place::Apps, "networking.k8s.io", "ingresses", &["get", "create", "patch", "delete"]),
    (Place::Apps, "", "pods", &["get", "list"]),
    (Place::Apps, "", "pods/log", &["get"]),
];

/// What only `deployer-svc doctor` looks at; deploys go without.
const LOOKED_AT: [(Place, &str, &str, &[&str]); 4] = [
    (Place::Builds, "tekton.dev", "pipelines", &["get"]),
    (Place::Builds, "", "serviceaccounts", &["get"]),
    (Place::Builds, "", "namespaces", &["get"]),
    (Place::Apps, "", "namespaces", &["get"]),
];

/// What the cluster is, and what it lets us do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permissions {
    /// Version of Kubernetes, for instance `v1.36.2`.
    pub kubernetes: String,
    /// Whether `tekton.dev/v1` with PipelineRuns is served.
    pub tekton: bool,
    /// One row for each verb on each resource.
    pub access: Vec<Access>,
}

/// Whether one verb on one resource is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// For instance `patch`.
    pub verb: &'static str,
    /// The API group; empty for the core.
    pub group: &'static str,
    /// For instance `deployments`, or `pods/log`.
    pub resource: &'static str,
    /// Where.
    pub namespace: String,
    /// Whether only the doctor needs it.
    pub only_to_look: bool,
    /// The API server's answer.
    pub allowed: bool,
}

impl Agent {
    /// Asks the API server about itself and about every permission that is needed.
    pub async fn permissions(&self) -> Result<Permissions, Error> {
        let version = within(self.client().apiserver_version()).await?;
        let tekton = match within(self.client().list_api_group_resources("tekton.dev/v1")).await {
            Ok(list) => list.resources.iter().any(|resource| resource.name == "pipelineruns"),
            Err(Failure::Missing(_)) => false,
            Err(failure) => return Err(failure.into()),
        };
        let reviews = needed(self.settings()).into_iter().map(|access| self.review(access));
        let access = try_join_all(reviews).await?;
        Ok(Permissions { kubernetes: version.git_version, tekton, access })
    }

    async fn review(&self, access: Access) -> Result<Access, Error> {
        let (resource, subresource) = match access.resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource)),
            None => (access.resource, None),
        };
        let question = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    namespace: Some(access.namespace.clone()),
                    verb: Some(access.verb.to_owned()),
                    group: Some(access.group.to_owned()),
                    resource: Some(resource.to_owned()),
                    subresource: subresource.map(str::to_owned),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let api = Api::<SelfSubjectAccessReview>::all(self.client().clone());
        let answer = within(api.create(&PostParams::default(), &question)).await?;
        Ok(Access { allowed: answer.status.is_some_and(|status| status.allowed), ..access })
    }
}

/// The table, row by row; nothing is allowed until the API server says so.
fn needed(settings: &Settings) -> Vec<Access> {
    let looked_at = LOOKED_AT.iter().map(|row| (row, true));
    let all = NEEDED.iter().map(|row| (row, false)).chain(looked_at);
    let rows = all.flat_map(|(&(place, group, resource, verbs), only_to_look)| {
        let namespace = match place {
            Place::Builds => &settings.build_namespace,
            Place::Apps => &settings.apps_namespace,
        };
        verbs.iter().map(move |&verb| Access {
            verb,
            group,
            resource,
            namespace: namespace.clone(),
            only_to_look,
            allowed: false,
        })
    });
    rows.collect()
}

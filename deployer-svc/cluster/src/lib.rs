//! The cluster agent: the one implementation of the gRPC `Cluster` service, and the only crate that talks to Kubernetes.
//! Every call may be repeated: names are deterministic, creation is adopted, and rollouts are fenced by a generation.
//!
//! Builds: `builds` acts, `pipeline_run` knows the object and judges it, `clone_secret` brings it what it clones with. Rollouts: `rollouts` acts, `manifests` shapes
//! the objects, `fence` and `verdict` decide; `removal` takes them away. `logs` reads what either writes. `permissions`
//! and `survey` are for people who set it up. `request` parses what arrives, `errors` translates what fails.

mod agent;
mod builds;
mod clone_secret;
mod errors;
mod fence;
mod logs;
mod manifests;
mod permissions;
mod pipeline_run;
mod removal;
mod request;
mod rollouts;
mod settings;
mod survey;
mod verdict;
mod watch;

pub use agent::Agent;
pub use errors::Error;
pub use permissions::{Access, Permissions};
pub use settings::Settings;
pub use survey::{Pipeline, Presence, Survey, api_server};

/// Owner of the fields that the agent writes.
const FIELD_MANAGER: &str = "paas-deployer";

/// Label that carries the app's id on everything the agent makes.
const APP_ID: &str = "paas.dev/app-id";
/// Label on builds, annotation on Deployments.
const DEPLOY_ID: &str = "paas.dev/deploy-id";
/// Annotation with the fence: what is on the Deployment never goes down.
const GENERATION: &str = "paas.dev/generation";
/// Annotation with the commit: 64 hex digits are one too many for a label.
const SHA: &str = "paas.dev/sha";
/// Label with the app's name; also what the Service selects.
const APP_NAME: &str = "paas-app";
/// Label with the tenant.
const TENANT_ID: &str = "paas-tenant-id";

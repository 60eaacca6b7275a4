//! How a rollout goes, read off the Deployment alone: the rule of `kubectl rollout status`, with what is stale left out.
//! It does not know generations of ours; `fence` has looked at them before.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus};
use paas_proto::cluster::RolloutPhase;

/// What a Deployment says about its rollout.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) phase: RolloutPhase,
    /// For people.
    pub(crate) reason: String,
}

impl Verdict {
    pub(crate) fn new(phase: RolloutPhase, reason: impl Into<String>) -> Self {
        Self { phase, reason: reason.into() }
    }
}

/// Judges the newest change of a Deployment.
pub(crate) fn judge(deployment: &Deployment) -> Verdict {
    let status = deployment.status.clone().unwrap_or_default();
    let spec = &deployment.spec;
    // Until the controller has seen the change, counts and conditions are about the one before.
    if status.observed_generation < deployment.metadata.generation {
        return Verdict::new(RolloutPhase::Progressing, "Kubernetes has not seen the change yet");
    }
    if let Some(message) = condition(&status, "Progressing", "False", "ProgressDeadlineExceeded") {
        return Verdict::new(RolloutPhase::Failed, format!("ProgressDeadlineExceeded: {message}"));
    }
    let desired = spec.replicas.unwrap_or(1);
    let counts = [status.updated_replicas, status.replicas, status.available_replicas];
    let [updated, total, available] = counts.map(Option::unwrap_or_default);
    if [updated, total, available] == [desired; 3] {
        let reason = match desired {
            0 => "scaled to 0 replicas: nothing runs, so nothing was proved".to_owned(),
            _ => format!("all {desired} replicas are updated and available"),
        };
        return Verdict::new(RolloutPhase::Complete, reason);
    }
    let counts =
        format!("{updated} of {desired} replicas updated, {available} available, {total} in all");
    // A quota may be raised in time: the deadline decides.
    let trouble = condition(&status, "ReplicaFailure", "True", "FailedCreate");
    let reason = match trouble {
        _ if spec.paused == Some(true) => {
            format!("{counts}; the Deployment is paused: resume it to let it roll")
        }
        Some(message) => format!("{counts}; FailedCreate: {message}"),
        None => counts,
    };
    Verdict::new(RolloutPhase::Progressing, reason)
}

/// The message of a condition with this status and reason, if there is one.
fn condition<'a>(
    status: &'a DeploymentStatus,
    kind: &str,
    state: &str,
    reason: &str,
) -> Option<&'a str> {
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let found = conditions.iter().find(|condition| condition.type_.as_deref() == Some(kind))?;
    (found.status.as_deref() == Some(state) && found.reason.as_deref() == Some(reason))
        .then_some(found.message.as_deref().unwrap_or_default())
}

#[cfg(test)]
mod tests;

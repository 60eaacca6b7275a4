//! The deployment controller: what a Deployment's next version is, after the sequences of fields that were recorded.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::{
    clock,
    replicas::Replicas,
    rollout::{Fleet, Goal, Step},
    switches::Outcome,
};

/// The annotation in which the controller counts revisions.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// How a rollout is to go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) outcome: Outcome,
    pub(crate) step: Duration,
    /// Stands for `progressDeadlineSeconds` in a rollout that fails on demand.
    pub(crate) deadline: Duration,
}

/// The next version of a Deployment.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) after: Duration,
    pub(crate) deployment: Value,
    pub(crate) memory: Memory,
}

/// What the controller remembers of a Deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Memory {
    fleet: Fleet,
    /// The generation that missed its deadline.
    exceeded: u64,
    pub(crate) replicas: Replicas,
}

/// What comes next for a Deployment, if anything.
pub(crate) fn next(deployment: &Value, mut memory: Memory, plan: Plan) -> Option<Next> {
    let template = template_hash(deployment);
    let goal = goal(deployment, &template, plan);
    let step = memory.fleet.advance(&goal)?;
    memory.replicas.follow(&memory.fleet, deployment);
    let mut deployment = deployment.clone();
    let mut report = Report { deployment: &mut deployment, fleet: &memory.fleet, goal };
    let after = match step {
        Step::Created => {
            report.revision();
            report.progressing("NewReplicaSetCreated");
            plan.step
        }
        Step::Counted | Step::Progressed => {
            report.revision();
            report.counters();
            report.available();
            if memory.fleet.is_complete(&goal) {
                report.progressing("NewReplicaSetAvailable");
            } else if step == Step::Progressed {
                report.progressing("ReplicaSetUpdated");
            }
            plan.step
        }
        Step::Stuck if memory.exceeded == goal.generation => return None,
        Step::Stuck => {
            memory.exceeded = goal.generation;
            report.progressing("ProgressDeadlineExceeded");
            deadline(&deployment, plan)
        }
    };
    Some(Next { after, deployment, memory })
}

fn deadline(deployment: &Value, plan: Plan) -> Duration {
    match (plan.outcome, deployment["spec"]["progressDeadlineSeconds"].as_u64()) {
        (Outcome::Hang, Some(seconds)) => Duration::from_secs(seconds),
        _ => plan.deadline,
    }
}

/// The suffix of the replica set's name: the same for the same template.
pub(crate) fn template_hash(deployment: &Value) -> String {
    let hash = Sha256::digest(deployment["spec"]["template"].to_string());
    hex::encode(hash).chars().take(10).collect()
}

fn goal<'a>(deployment: &Value, template: &'a str, plan: Plan) -> Goal<'a> {
    let spec = &deployment["spec"];
    let replicas = spec["replicas"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(1);
    let rolling = &spec["strategy"]["rollingUpdate"];
    let max_surge = portion(&rolling["maxSurge"], replicas, true);
    let max_unavailable = portion(&rolling["maxUnavailable"], replicas, false);
    Goal {
        generation: deployment["metadata"]["generation"].as_u64().unwrap_or(0),
        template,
        replicas,
        // Kubernetes, too, takes one when both are zero.
        max_unavailable: if max_surge == 0 { max_unavailable.max(1) } else { max_unavailable },
        max_surge,
        waits_when_ready: spec["minReadySeconds"].as_u64().unwrap_or(0) > 0,
        healthy: plan.outcome == Outcome::Succeed,
    }
}

/// A number of pods, given as such or as a percentage, which is rounded up or down.
fn portion(value: &Value, replicas: u32, up: bool) -> u32 {
    if let Some(number) = value.as_u64() {
        return u32::try_from(number).unwrap_or(u32::MAX);
    }
    let percent = value.as_str().and_then(|text| text.strip_suffix('%')?.parse::<u32>().ok());
    let hundredths = percent.unwrap_or(0).saturating_mul(replicas);
    if up { hundredths.div_ceil(100) } else { hundredths / 100 }
}

struct Report<'a> {
    deployment: &'a mut Value,
    fleet: &'a Fleet,
    goal: Goal<'a>,
}

impl Report<'_> {
    fn revision(&mut self) {
        let revision = self.fleet.revision(&self.goal).to_string();
        self.deployment["metadata"]["annotations"][REVISION] = revision.into();
    }

    /// The counters; those that are zero are absent.
    fn counters(&mut self) {
        let [wanted, pods, ready, available] = self.fleet.totals();
        let mut status = Map::new();
        status.insert("observedGeneration".into(), self.fleet.observed.into());
        for (name, count) in [
            ("replicas", pods),
            ("updatedReplicas", self.fleet.updated(&self.goal)),
            ("readyReplicas", ready),
            ("availableReplicas", available),
            ("unavailableReplicas", wanted.saturating_sub(available)),
        ] {
            if count > 0 {
                status.insert(name.into(), count.into());
            }
        }
        status.insert("terminatingReplicas".into(), self.fleet.terminating.into());
        status.insert("conditions".into(), self.deployment["status"]["conditions"].take());
        self.deployment["status"] = status.into();
    }

    fn available(&mut self) {
        let [.., available] = self.fleet.totals();
        if available >= self.goal.replicas.saturating_sub(self.goal.max_unavailable) {
            let message = "Deployment has minimum availability.";
            self.condition("Available", "True", "MinimumReplicasAvailable", message);
        } else {
            let message = "Deployment does not have minimum availability.";
            self.condition("Available", "False", "MinimumReplicasUnavailable", message);
        }
    }

    fn progressing(&mut self, reason: &str) {
        let name = self.deployment["metadata"]["name"].as_str().unwrap_or_default();
        let set = format!("{name}-{}", self.goal.template);
        let message = match reason {
            "NewReplicaSetCreated" => format!("Created new replica set \"{set}\""),
            "NewReplicaSetAvailable" => {
                format!("ReplicaSet \"{set}\" has successfully progressed.")
            }
            "ProgressDeadlineExceeded" => {
                format!("ReplicaSet \"{set}\" has timed out progressing.")
            }
            _ => format!("ReplicaSet \"{set}\" is progressing."),
        };
        let status = if reason == "ProgressDeadlineExceeded" { "False" } else { "True" };
        self.condition("Progressing", status, reason, &message);
    }

    /// Sets a condition as Kubernetes does: one that says something new moves to the end.
    fn condition(&mut self, kind: &str, status: &str, reason: &str, message: &str) {
        let now = clock::now();
        let conditions = &mut self.deployment["status"]["conditions"];
        let mut list = conditions.as_array().cloned().unwrap_or_default();
        let old = list.iter().position(|c| c["type"] == kind);
        let mut since = now.clone().into();
        if let Some(at) = old {
            let is_same = |field: &str, value: &str| list[at][field] == value;
            if is_same("status", status) && is_same("reason", reason) && is_same("message", message)
            {
                return;
            }
            let old = list.remove(at);
            if old["status"] == status {
                since = old["lastTransitionTime"].clone();
            }
        }
        list.push(json!({
            "type": kind, "status": status, "lastUpdateTime": now, "lastTransitionTime": since,
            "reason": reason, "message": message,
        }));
        *conditions = list.into();
    }
}

//! The pods of a Deployment one by one: the fleet counts them, here each has a name and a beginning.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::rollout::Fleet;

/// The pods that are there, and how many there ever were.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Replicas {
    pub(crate) pods: Vec<Replica>,
    made: u64,
}

/// One pod of a Deployment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Replica {
    pub(crate) name: String,
    /// Hash of its template.
    pub(crate) template: String,
    /// Its containers, as the template had them.
    pub(crate) containers: Value,
    pub(crate) labels: Value,
    pub(crate) began: Timestamp,
    pub(crate) ready: bool,
}

impl Replicas {
    /// Makes and takes away pods until there are as many of each template as the fleet counts.
    pub(crate) fn follow(&mut self, fleet: &Fleet, deployment: &Value) {
        let sets: Vec<_> = fleet.sets().collect();
        for (template, wanted, ready) in &sets {
            let mut left = *wanted;
            self.pods.retain(|pod| {
                let stays = pod.template != *template || left > 0;
                left -= u32::from(stays && pod.template == *template);
                stays
            });
            for _ in 0..left {
                let pod = self.one_more(template, deployment);
                self.pods.push(pod);
            }
            let ours = self.pods.iter_mut().filter(|pod| pod.template == *template);
            ours.zip(0..).for_each(|(pod, index)| pod.ready = index < *ready);
        }
        self.pods.retain(|pod| sets.iter().any(|(template, ..)| pod.template == *template));
    }

    /// Only the wanted template ever gets new pods, and that is the Deployment's own.
    fn one_more(&mut self, template: &str, deployment: &Value) -> Replica {
        self.made += 1;
        let (metadata, spec) = (&deployment["metadata"], &deployment["spec"]["template"]);
        let name = metadata["name"].as_str().unwrap_or_default();
        let hash = Sha256::digest(format!("{} {}", metadata["uid"], self.made));
        let suffix: String = hex::encode(hash).chars().take(5).collect();
        Replica {
            name: format!("{name}-{template}-{suffix}"),
            template: template.to_owned(),
            containers: spec["spec"]["containers"].clone(),
            labels: spec["metadata"]["labels"].clone(),
            began: Timestamp::now(),
            ready: false,
        }
    }
}

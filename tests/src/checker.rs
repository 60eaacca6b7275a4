//! The invariants, checked from what is on record: what clients were promised, the stream, the tables and the cluster's
//! audit log. It knows the rules, and nothing of the code that keeps them.

mod cluster;
mod order;
mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

pub use self::{
    order::StoredPush,
    record::{AppRow, DeployRow, EventRow},
};
use crate::audit::Write;

/// Events after which a deploy never changes again.
const ENDINGS: [&str; 8] = [
    "went_live",
    "failed",
    "cancelled",
    "superseded",
    "found_duplicate",
    "left_unchanged",
    "arrived_late",
    "held_back",
];
const ENDED: [&str; 5] = ["live", "failed", "superseded", "cancelled", "duplicate"];

/// All that is on record once everything has come to rest.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Deploys that a 202 promised: the clients' own log.
    pub accepted: Vec<Uuid>,
    /// The stream of pushes, in its order.
    pub pushes: Vec<StoredPush>,
    /// Apps and what is live, by id.
    pub apps: BTreeMap<Uuid, AppRow>,
    /// The deploys' summaries.
    pub deploys: BTreeMap<Uuid, DeployRow>,
    /// The log, each app's by version.
    pub events: Vec<EventRow>,
    /// The version of each app's state.
    pub lines: BTreeMap<Uuid, i64>,
    /// Apps whose state is not what their log folds to.
    pub misfolded: Vec<String>,
    /// Ids of the messages that were put aside.
    pub dead_letters: BTreeSet<Uuid>,
    /// What the cluster was told, in order.
    pub writes: Vec<Write>,
}

impl World {
    /// Everything that should not be, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.each_promise_is_kept_once(&mut found);
        self.nothing_is_built_or_rolled_out_twice(&mut found);
        self.images_follow_the_order_of_pushes(&mut found);
        self.the_live_commit_is_that_of_the_last_live_event(&mut found);
        self.the_log_has_no_gaps_and_folds_to_the_state(&mut found);
        self.nothing_accepted_is_lost(&mut found);
        self.every_effect_has_a_cause(&mut found);
        found
    }

    /// I1.
    fn each_promise_is_kept_once(&self, found: &mut Vec<String>) {
        let mut endings: BTreeMap<Uuid, Vec<&str>> = BTreeMap::new();
        for event in &self.events {
            if let (Some(deploy), true) = (event.deploy, ENDINGS.contains(&event.kind.as_str())) {
                endings.entry(deploy).or_default().push(&event.kind);
            }
        }
        for id in self.accepted.iter().collect::<BTreeSet<_>>() {
            if self.dead_letters.contains(id) {
                continue;
            }
            match self.deploys.get(id) {
                None => found.push(format!("I1: {id} was accepted and is nowhere")),
                Some(deploy) if !ENDED.contains(&deploy.state.as_str()) => {
                    found.push(format!("I1: {id} was accepted and is still {}", deploy.state));
                }
                Some(_) => {}
            }
        }
        for (id, endings) in endings {
            if endings.len() > 1 {
                found.push(format!("I1: {id} ended more than once: {}", endings.join(", ")));
            }
        }
    }

    /// I4.
    fn the_live_commit_is_that_of_the_last_live_event(&self, found: &mut Vec<String>) {
        for (id, app) in &self.apps {
            let last = self.events_of(*id).rfind(|event| event.kind == "went_live");
            let deploy = last.and_then(|event| self.deploys.get(&event.deploy?));
            let live = deploy.map(|deploy| deploy.sha.as_str());
            if app.last_deploy_sha.as_deref() != live {
                let last = &app.last_deploy_sha;
                found.push(format!("I4: app {id} has {last:?} as its commit, live is {live:?}"));
            }
        }
    }

    /// I5.
    fn the_log_has_no_gaps_and_folds_to_the_state(&self, found: &mut Vec<String>) {
        for id in self.apps.keys() {
            let versions: Vec<i64> = self.events_of(*id).map(|event| event.version).collect();
            let last = i64::try_from(versions.len()).unwrap_or(i64::MAX);
            if !versions.iter().copied().eq(1..=last) {
                found.push(format!("I5: the log of app {id} has gaps: {versions:?}"));
            }
            let line = self.lines.get(id).copied().unwrap_or_default();
            if line != last {
                found.push(format!("I5: app {id} has {last} events and is at version {line}"));
            }
        }
        found.extend(self.misfolded.iter().map(|line| format!("I5: refolded: {line}")));
    }

    /// I8, conservation: what was promised is stored, what is stored was taken in.
    fn nothing_accepted_is_lost(&self, found: &mut Vec<String>) {
        let stored: BTreeSet<Uuid> = self.pushes.iter().map(|push| push.deploy).collect();
        for id in self.accepted.iter().filter(|id| !stored.contains(id)) {
            found.push(format!("I8: {id} was accepted and is not in the stream"));
        }
        for id in &stored {
            if !self.deploys.contains_key(id) && !self.dead_letters.contains(id) {
                found.push(format!("I8: {id} is in the stream and was never taken in"));
            }
        }
    }

    /// I9.
    fn every_effect_has_a_cause(&self, found: &mut Vec<String>) {
        let stored: BTreeSet<Uuid> = self.pushes.iter().map(|push| push.deploy).collect();
        for (id, deploy) in &self.deploys {
            if deploy.source.contains("_webhook:") && !stored.contains(id) {
                found.push(format!("I9: {id} comes from no stored push"));
            }
        }
        for write in self.writes.iter().filter(|write| write.starts_a_build()) {
            if !write.deploy_id().is_some_and(|id| self.deploys.contains_key(&id)) {
                found.push(format!("I9: {} {} is nobody's", write.kind, write.name));
            }
        }
    }

    /// I10: the newest accepted push of each app is live, unless it failed or a person decided otherwise.
    #[must_use]
    pub fn not_converged(&self) -> Vec<String> {
        let mut found = Vec::new();
        for (id, app) in &self.apps {
            let Some(newest) = self.newest_push(*id) else { continue };
            let Some(deploy) = self.deploys.get(&newest.deploy) else { continue };
            let settled = match deploy.state.as_str() {
                "failed" | "cancelled" => true,
                _ => app.last_deploy_sha.as_ref() == Some(&newest.after),
            };
            if !settled {
                let (newest, live) = (&newest.after, &app.last_deploy_sha);
                found.push(format!("I10: app {id}: newest is {newest}, live is {live:?}"));
            }
        }
        found
    }

    fn events_of(&self, app: Uuid) -> impl DoubleEndedIterator<Item = &EventRow> {
        self.events.iter().filter(move |event| event.app == app)
    }
}

//! The invariants, checked from what is on record.
//!
//! That is what clients were promised, the streams, the tables and the cluster's audit log. The checker knows the rules
//! and the recorded shapes, and nothing of the code that keeps them.

mod cluster;
mod fold;
mod order;
mod record;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

pub use self::{
    order::StoredPush,
    record::{AppRow, DeployRow, EventRow, LineRow},
};
use crate::audit::Write;

/// The state in which each event leaves its deploy; events that are not here leave it as it is.
const STATES: [(&str, &str); 16] = [
    ("requested", "requested"),
    ("redeploy_requested", "requested"),
    ("rollback_requested", "built"),
    ("build_started", "building"),
    ("built", "built"),
    ("rollout_started", "rolling_out"),
    ("put_back_started", "rolling_back"),
    ("went_live", "live"),
    ("failed", "failed"),
    ("cancelled", "cancelled"),
    ("held_back", "cancelled"),
    ("superseded", "superseded"),
    ("arrived_late", "superseded"),
    ("found_duplicate", "duplicate"),
    ("left_unchanged", "duplicate"),
    ("build_stopped", ""),
];
/// States that a deploy never leaves.
const ENDED: [&str; 5] = ["live", "failed", "superseded", "cancelled", "duplicate"];

/// All that is on record once everything has come to rest.
#[derive(Debug, Clone, Default)]
pub struct World {
    /// Deploys that a 202 promised: the clients' own log.
    pub accepted: Vec<Uuid>,
    /// The stream of pushes, in its order; each push once, however often it is stored.
    pub pushes: Vec<StoredPush>,
    /// Places in that stream of messages that are no push of any deploy.
    pub unreadable: Vec<(u64, u64)>,
    /// Apps and what is live, by id.
    pub apps: BTreeMap<Uuid, AppRow>,
    /// The deploys' summaries.
    pub deploys: BTreeMap<Uuid, DeployRow>,
    /// The log, each app's by version.
    pub events: Vec<EventRow>,
    /// The public copy of the log, in its order: app and version.
    pub copy: Vec<(Uuid, i64)>,
    /// Each app's state.
    pub lines: BTreeMap<Uuid, LineRow>,
    /// Apps whose state is not, byte for byte, what `rebuild` says that their log folds to.
    pub misfolded: Vec<String>,
    /// Places in the stream of pushes of the messages that were put aside.
    pub dead_letters: BTreeSet<(u64, u64)>,
    /// What the cluster was told, in order.
    pub writes: Vec<Write>,
}

impl World {
    /// Everything that should not be, in words.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut found = Vec::new();
        self.each_promise_is_kept(&mut found);
        self.each_deploy_ends_once_and_as_recorded(&mut found);
        self.nothing_is_built_or_rolled_out_twice(&mut found);
        self.images_follow_the_order_of_pushes(&mut found);
        self.the_live_commit_is_that_of_the_last_live_event(&mut found);
        self.the_image_on_the_cluster_is_the_live_one(&mut found);
        self.the_log_has_no_gaps_and_folds_to_the_state(&mut found);
        self.the_copy_of_the_log_is_whole_and_in_order(&mut found);
        self.nothing_accepted_is_lost(&mut found);
        self.every_effect_has_a_cause(&mut found);
        self.every_image_was_announced(&mut found);
        found
    }

    /// I1, for what clients know: a 202 means a deploy that has ended, or a message that was put aside.
    fn each_promise_is_kept(&self, found: &mut Vec<String>) {
        let put_aside = self.put_aside();
        for id in self.accepted.iter().collect::<BTreeSet<_>>() {
            match self.deploys.get(id) {
                None if put_aside.contains(id) => {}
                None => found.push(format!("I1: {id} was accepted and is nowhere")),
                Some(deploy) if !ENDED.contains(&deploy.state.as_str()) => {
                    found.push(format!("I1: {id} was accepted and is still {}", deploy.state));
                }
                Some(_) => {}
            }
        }
    }

    /// I1, for every deploy: it began, it ended once and stayed so, and its summary says what its last event says.
    fn each_deploy_ends_once_and_as_recorded(&self, found: &mut Vec<String>) {
        let mut lives: BTreeMap<Uuid, Vec<&str>> = BTreeMap::new();
        for event in &self.events {
            let Some(deploy) = event.deploy else { continue };
            match STATES.iter().find(|(kind, _)| *kind == event.kind) {
                Some((_, "")) => {}
                Some((_, state)) => lives.entry(deploy).or_default().push(state),
                None => found.push(format!("I1: {deploy}: unknown event {}", event.kind)),
            }
        }
        for (id, states) in &lives {
            let first_end = states.iter().position(|state| ENDED.contains(state));
            if first_end.is_some_and(|at| at + 1 < states.len()) {
                found.push(format!("I1: {id} went on after its end: {}", states.join(", ")));
            }
            let recorded = self.deploys.get(id).map(|deploy| deploy.state.as_str());
            if recorded != states.last().copied() {
                found.push(format!("I1: {id} is {recorded:?}, its log says {}", states.join(", ")));
            }
        }
        for id in self.deploys.keys().filter(|id| !lives.contains_key(*id)) {
            found.push(format!("I1: {id} is in no log"));
        }
    }

    /// I4.
    fn the_live_commit_is_that_of_the_last_live_event(&self, found: &mut Vec<String>) {
        for (id, app) in &self.apps {
            let live = self.live(*id).map(|(_, deploy)| deploy.sha.as_str());
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
            let Some(line) = self.lines.get(id) else {
                if last > 0 {
                    found.push(format!("I5: app {id} has {last} events and no state"));
                }
                continue;
            };
            if line.version != last {
                let version = line.version;
                found.push(format!("I5: app {id} has {last} events and is at version {version}"));
            }
            let folded = fold::fold(self.events_of(*id));
            if last > 0 && line.state != folded {
                let state = &line.state;
                found.push(format!("I5: app {id}: the state is {state}, the log says {folded}"));
            }
        }
        found.extend(self.misfolded.iter().map(|line| format!("I5: refolded: {line}")));
    }

    /// I5, for those who follow from outside: every event is published once, each app's in order.
    fn the_copy_of_the_log_is_whole_and_in_order(&self, found: &mut Vec<String>) {
        let mut copies: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
        for (app, version) in &self.copy {
            copies.entry(*app).or_default().push(*version);
        }
        for id in self.apps.keys() {
            let versions: Vec<i64> = self.events_of(*id).map(|event| event.version).collect();
            let published = copies.get(id).map_or(&[][..], Vec::as_slice);
            if published != versions {
                found.push(format!("I5: app {id} has {versions:?}, published is {published:?}"));
            }
        }
    }

    /// I8, conservation: what was promised is stored, what is stored was taken in or put aside.
    fn nothing_accepted_is_lost(&self, found: &mut Vec<String>) {
        let stored = self.stored();
        for id in self.accepted.iter().filter(|id| !stored.contains(id)) {
            found.push(format!("I8: {id} was accepted and is not in the stream"));
        }
        let put_aside = self.put_aside();
        for id in stored.iter().filter(|id| !put_aside.contains(id)) {
            if !self.deploys.contains_key(id) {
                found.push(format!("I8: {id} is in the stream and was never taken in"));
            }
        }
        for place in self.unreadable.iter().filter(|place| !self.dead_letters.contains(place)) {
            found.push(format!("I8: the message at {place:?} is no push and was not put aside"));
        }
    }

    /// I9.
    fn every_effect_has_a_cause(&self, found: &mut Vec<String>) {
        let stored = self.stored();
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

    /// The deploy of an app that went live last.
    fn live(&self, app: Uuid) -> Option<(Uuid, &DeployRow)> {
        let id = self.events_of(app).rfind(|event| event.kind == "went_live")?.deploy?;
        Some((id, self.deploys.get(&id)?))
    }

    fn stored(&self) -> BTreeSet<Uuid> {
        self.pushes.iter().map(|push| push.deploy).collect()
    }

    /// Deploys whose message was put aside.
    fn put_aside(&self) -> BTreeSet<Uuid> {
        let letters = self.pushes.iter().filter(|push| self.dead_letters.contains(&push.stored_at));
        letters.map(|push| push.deploy).collect()
    }
}

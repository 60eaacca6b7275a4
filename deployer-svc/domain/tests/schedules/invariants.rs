//! What must hold after every decision, and when the faults have ended.

use std::collections::{BTreeMap, BTreeSet};

use deploy_domain::{DeployId, Ending, Event, fold};

use super::world::{Begins as _, World, Write};

impl World {
    pub(super) fn check_the_line(&self) {
        let writers = self.line.underway.iter().filter(|deploy| deploy.is_on_the_cluster()).count();
        assert!(writers <= 1, "one rollout at a time");
        let waiting =
            self.line.underway.iter().filter(|deploy| !deploy.is_on_the_cluster()).count();
        assert!(waiting <= 1, "newest wins");
        assert_eq!(self.last_deploy_sha.as_ref(), self.line.live().map(|live| &live.sha), "I4");
    }

    pub(super) fn check_the_end(&self) {
        assert_eq!(fold(&self.log), self.line, "I5");
        self.check_that_every_deploy_ended_once();
        self.check_the_order_on_the_cluster();
        self.check_that_the_newest_is_live();
        let requested: BTreeSet<DeployId> =
            self.log.iter().filter_map(Event::begins_deploy).collect();
        assert!(
            self.runs.keys().all(|run| requested.contains(run)),
            "I2: a run that nobody asked for"
        );
    }

    fn check_that_every_deploy_ended_once(&self) {
        let mut endings: BTreeMap<DeployId, u32> = BTreeMap::new();
        for summary in self.log.iter().filter_map(Event::summary) {
            let ended = matches!(
                summary.state,
                "live" | "failed" | "superseded" | "cancelled" | "duplicate"
            );
            *endings.entry(summary.deploy).or_default() += u32::from(ended);
        }
        assert!(endings.values().all(|endings| *endings == 1), "I1: {endings:?}");
        assert!(
            self.pushed.iter().all(|push| endings.contains_key(&push.mark.deploy)),
            "I1: a push was lost"
        );
    }

    fn check_the_order_on_the_cluster(&self) {
        assert!(
            self.writes.is_sorted_by(|one, next| one.generation < next.generation),
            "the fence only rises"
        );
        let number =
            |write: &&Write| self.pushed.iter().position(|push| push.mark.deploy == write.deploy);
        let own = self.writes.iter().filter(|write| write.own).filter_map(|write| number(&write));
        assert!(own.is_sorted_by(|one, next| one < next), "I3");
    }

    /// Unless its own build or rollout failed, or a person decided otherwise.
    fn check_that_the_newest_is_live(&self) {
        if let Some(live) = self.line.live() {
            let shown = self.deployment.as_ref().map(|there| &there.image);
            assert_eq!(shown, Some(&live.image), "the cluster shows what is live");
        }
        let (Some(newest), false) = (self.pushed.last(), self.log.iter().any(by_a_person)) else {
            return;
        };
        let mut deploy = newest.mark.deploy;
        for event in &self.log {
            if let Event::FoundDuplicate { push, of } = event
                && push.mark.deploy == deploy
            {
                deploy = *of;
                break;
            }
        }
        let failed = |event: &Event| matches!(event, Event::Failed { deploy: failed, .. } if *failed == deploy);
        if !self.log.iter().any(failed) {
            assert_eq!(self.line.live().map(|live| &live.sha), Some(&newest.mark.after), "I10");
        }
    }
}

fn by_a_person(event: &Event) -> bool {
    matches!(
        event,
        Event::Cancelled { .. }
            | Event::RedeployRequested { .. }
            | Event::RollbackRequested { .. }
            | Event::HeldBack { .. }
    ) || matches!(event, Event::PutBackStarted { ending: Ending::Cancelled { .. }, .. })
}

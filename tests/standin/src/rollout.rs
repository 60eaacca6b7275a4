//! A rolling update as arithmetic on replica sets: which pods come and go at each step.

use serde::{Deserialize, Serialize};

/// What the Deployment asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Goal<'a> {
    pub(crate) generation: u64,
    /// Hash of the pod template.
    pub(crate) template: &'a str,
    pub(crate) replicas: u32,
    pub(crate) max_surge: u32,
    pub(crate) max_unavailable: u32,
    /// Whether a pod is available only some time after it became ready.
    pub(crate) waits_when_ready: bool,
    /// Whether pods of a template that was never available become so.
    pub(crate) healthy: bool,
}

/// The replica sets of a Deployment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Fleet {
    sets: Vec<ReplicaSet>,
    pub(crate) terminating: u32,
    /// The generation that the controller has taken up.
    pub(crate) observed: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct ReplicaSet {
    template: String,
    revision: u64,
    wanted: u32,
    pods: u32,
    ready: u32,
    available: u32,
    /// Its pods were available once: they run, however the switches stand.
    proven: bool,
}

/// What a step was, as far as the conditions tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// A replica set was created; its pods and the counters come later.
    Created,
    /// The counters moved; the condition stays.
    Counted,
    /// Pods came or went.
    Progressed,
    /// Pods fail to become ready: nothing moves but the deadline.
    Stuck,
}

impl Fleet {
    /// The sums that a status shows: wanted, pods, ready, available.
    pub(crate) fn totals(&self) -> [u32; 4] {
        let sum = |of: fn(&ReplicaSet) -> u32| self.sets.iter().map(of).sum();
        [sum(|s| s.wanted), sum(|s| s.pods), sum(|s| s.ready), sum(|s| s.available)]
    }

    /// Each replica set's template with its pods, and how many of them are ready.
    pub(crate) fn sets(&self) -> impl Iterator<Item = (&str, u32, u32)> {
        self.sets.iter().map(|set| (&*set.template, set.pods, set.ready))
    }

    /// Pods of the wanted template.
    pub(crate) fn updated(&self, goal: &Goal<'_>) -> u32 {
        self.sets.iter().filter(|set| set.template == goal.template).map(|set| set.pods).sum()
    }

    /// The revision of the wanted template.
    pub(crate) fn revision(&self, goal: &Goal<'_>) -> u64 {
        self.sets.iter().find(|set| set.template == goal.template).map_or(0, |set| set.revision)
    }

    /// Whether the goal is reached.
    pub(crate) fn is_complete(&self, goal: &Goal<'_>) -> bool {
        let [_, pods, _, available] = self.totals();
        let replicas = goal.replicas;
        self.observed == goal.generation
            && (self.updated(goal), pods, available) == (replicas, replicas, replicas)
    }

    /// Takes the next step towards the goal; `None` when there is none left.
    pub(crate) fn advance(&mut self, goal: &Goal<'_>) -> Option<Step> {
        let latest = self.sets.iter().map(|set| set.revision).max().unwrap_or(0);
        let Some(at) = self.sets.iter().position(|set| set.template == goal.template) else {
            self.sets.push(ReplicaSet::new(goal.template, latest + 1));
            return Some(Step::Created);
        };
        // The wanted set stands last.
        let set = self.sets.remove(at);
        self.sets.push(set);
        if self.observed != goal.generation {
            return Some(self.take_up(goal, latest));
        }
        self.move_pods(goal).or_else(|| self.serve(goal)).or_else(|| self.roll(goal)).or_else(
            || {
                let is_stuck = self.sets.last().is_some_and(|set| set.ready < set.pods);
                is_stuck.then_some(Step::Stuck)
            },
        )
    }

    /// The controller takes up a new generation and says how many pods it wants.
    fn take_up(&mut self, goal: &Goal<'_>, latest: u64) -> Step {
        self.observed = goal.generation;
        self.scale_up(goal);
        let Some(set) = self.sets.last_mut() else { return Step::Counted };
        set.wanted = set.wanted.min(goal.replicas);
        let is_new = !set.proven && set.pods == 0;
        if set.revision < latest {
            set.revision = latest + 1;
        }
        if is_new && !goal.waits_when_ready {
            // Recorded so: without minReadySeconds the counters and the pods come in one.
            set.pods = set.wanted;
        }
        if is_new { Step::Counted } else { Step::Progressed }
    }

    fn scale_up(&mut self, goal: &Goal<'_>) -> bool {
        let [wanted, ..] = self.totals();
        let room = (goal.replicas + goal.max_surge).saturating_sub(wanted);
        let Some(set) = self.sets.last_mut() else { return false };
        let more = room.min(goal.replicas.saturating_sub(set.wanted));
        set.wanted += more;
        more > 0
    }

    /// Pods follow what their sets want; those of old sets that never got ready are given up.
    fn move_pods(&mut self, goal: &Goal<'_>) -> Option<Step> {
        let new = self.sets.last_mut()?;
        new.wanted = new.wanted.min(goal.replicas);
        if new.pods < new.wanted {
            new.pods = new.wanted;
            return Some(Step::Progressed);
        }
        let (_, old) = self.sets.split_last_mut()?;
        let ailing = old.iter_mut().find(|set| set.wanted > set.available);
        if let Some(ailing) = ailing {
            ailing.wanted = ailing.available;
            return Some(Step::Progressed);
        }
        let gone: u32 = self.sets.iter_mut().map(ReplicaSet::delete_surplus).sum();
        if gone > 0 {
            self.terminating += gone;
            return Some(Step::Progressed);
        }
        (std::mem::take(&mut self.terminating) > 0).then_some(Step::Progressed)
    }

    /// Pods of the new set become ready one by one, then available.
    fn serve(&mut self, goal: &Goal<'_>) -> Option<Step> {
        let new = self.sets.last_mut()?;
        if new.ready < new.pods && (goal.healthy || new.proven) {
            new.ready += 1;
            if !goal.waits_when_ready {
                new.available = new.ready;
                new.proven = true;
            }
            return Some(Step::Progressed);
        }
        if new.available < new.ready {
            new.available = new.ready;
            new.proven = true;
            return Some(Step::Progressed);
        }
        None
    }

    /// An old pod goes for each new one that serves, and the next new one is wanted.
    fn roll(&mut self, goal: &Goal<'_>) -> Option<Step> {
        let [_, _, _, available] = self.totals();
        let mut spare =
            available.saturating_sub(goal.replicas.saturating_sub(goal.max_unavailable));
        let mut gone = 0;
        let (_, old) = self.sets.split_last_mut()?;
        for set in old {
            let fewer = spare.min(set.wanted);
            set.wanted -= fewer;
            spare -= fewer;
            gone += set.delete_surplus();
        }
        self.terminating += gone;
        let grew = self.scale_up(goal);
        (gone > 0 || grew).then_some(Step::Progressed)
    }
}

impl ReplicaSet {
    fn new(template: &str, revision: u64) -> Self {
        let template = template.to_owned();
        Self { template, revision, wanted: 0, pods: 0, ready: 0, available: 0, proven: false }
    }

    fn delete_surplus(&mut self) -> u32 {
        let surplus = self.pods.saturating_sub(self.wanted);
        self.pods -= surplus;
        self.ready = self.ready.min(self.pods);
        self.available = self.available.min(self.pods);
        surplus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn goal(generation: u64, template: &str) -> Goal<'_> {
        let (max_surge, max_unavailable) = (1, 0);
        let (waits_when_ready, healthy) = (false, true);
        Goal {
            generation,
            template,
            replicas: 3,
            max_surge,
            max_unavailable,
            waits_when_ready,
            healthy,
        }
    }

    fn run(fleet: &mut Fleet, goal: &Goal<'_>) {
        for _ in 0..100 {
            if fleet.advance(goal).is_none_or(|step| step == Step::Stuck) {
                return;
            }
        }
        panic!("the rollout goes on for ever: {fleet:?}");
    }

    #[test]
    fn a_rollout_that_is_overtaken_at_any_step_still_completes() {
        for steps in 0..25 {
            let mut fleet = Fleet::default();
            run(&mut fleet, &goal(1, "a"));
            for _ in 0..steps {
                fleet.advance(&goal(2, "b"));
            }
            run(&mut fleet, &goal(3, "c"));
            assert!(fleet.is_complete(&goal(3, "c")), "after {steps} steps: {fleet:?}");
        }
    }

    #[test]
    fn a_failed_rollout_keeps_the_old_pods_and_is_put_back() {
        let mut fleet = Fleet::default();
        run(&mut fleet, &goal(1, "a"));
        let bad = Goal { healthy: false, ..goal(2, "b") };
        run(&mut fleet, &bad);
        assert_eq!(fleet.totals(), [4, 4, 3, 3]);
        assert!(!fleet.is_complete(&bad));
        let back = Goal { healthy: false, ..goal(3, "a") };
        run(&mut fleet, &back);
        assert!(fleet.is_complete(&back));
        assert_eq!(fleet.revision(&back), 3);
    }

    #[test]
    fn replicas_follow_the_spec_up_and_down() {
        let mut fleet = Fleet::default();
        for (generation, replicas) in [(1, 3), (2, 5), (3, 1), (4, 0), (5, 2)] {
            let goal = Goal { replicas, ..goal(generation, "a") };
            run(&mut fleet, &goal);
            assert!(fleet.is_complete(&goal), "{replicas}: {fleet:?}");
        }
    }
}

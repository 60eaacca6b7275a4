//! What one holder of a line has seen of it: which steps have to wait, and when the line is due again.

use std::time::Duration;

use deploy_domain::{DeployId, Line, Step, plan};

use crate::{backoff, store::Next};

/// Builds take minutes, and the watch tells of their end: the look is for when it does not.
const BUILD_LOOK: Duration = Duration::from_secs(7);
/// Somebody is waiting for the app to be live.
const ROLLOUT_LOOK: Duration = Duration::from_secs(2);
/// Then others get a turn, and a cluster that gives a new answer each time gets a rest.
const STEPS_A_VISIT: usize = 32;
const REST: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Visit {
    waiting: Vec<(Step, Duration)>,
    steps: usize,
    /// Failures in a row, those of visits before included.
    failures_before: i32,
    failed: bool,
}

impl Visit {
    pub(super) fn new(failures_before: i32) -> Self {
        Self { waiting: Vec::new(), steps: 0, failures_before, failed: false }
    }

    /// The first step of the plan that does not have to wait.
    pub(super) fn next_step(&mut self, line: &Line) -> Option<Step> {
        if self.steps == STEPS_A_VISIT {
            return None;
        }
        self.steps += 1;
        plan(line).into_iter().find(|step| self.wait_of(step).is_none())
    }

    /// What the step is about goes on.
    pub(super) fn underway(&mut self, step: Step) {
        let look = match step {
            Step::StartBuild { .. } | Step::CheckBuild { .. } | Step::StopBuild { .. } => {
                BUILD_LOOK
            }
            Step::RollOut { .. } | Step::PutBack { .. } => ROLLOUT_LOOK,
        };
        self.waiting.push((step, backoff::jittered(look)));
    }

    /// A build was just seen running: looking again at once would show the same.
    pub(super) fn build_runs(&mut self, deploy: DeployId) {
        self.underway(Step::CheckBuild { deploy });
    }

    /// The world failed.
    pub(super) fn failed(&mut self, step: Step) {
        self.failed = true;
        let failures = u32::try_from(self.failures()).unwrap_or(0);
        self.waiting.push((step, backoff::delay(failures)));
    }

    /// Failures in a row, now.
    pub(super) fn failures(&self) -> i32 {
        if self.failed { self.failures_before.saturating_add(1) } else { 0 }
    }

    /// When the line is to be looked at again.
    pub(super) fn next(&self, line: &Line) -> Next {
        let waits = plan(line).into_iter().map(|step| self.wait_of(&step).unwrap_or(REST));
        waits.min().map_or(Next::Idle, Next::At)
    }

    fn wait_of(&self, step: &Step) -> Option<Duration> {
        self.waiting.iter().find(|(waiting, _)| waiting == step).map(|(_, wait)| *wait)
    }
}

#[cfg(test)]
mod tests {
    use deploy_domain::{Deploy, Sha, Source, Stage};
    use uuid::Uuid;

    use super::*;

    fn line(stages: &[Stage]) -> Line {
        let deploy = |(n, stage): (usize, &Stage)| Deploy {
            id: DeployId(Uuid::from_u128(n as u128)),
            sha: Sha::try_from("a".repeat(40)).unwrap(),
            source: Source::GithubWebhook,
            stage: stage.clone(),
        };
        Line { underway: stages.iter().enumerate().map(deploy).collect(), ..Line::default() }
    }

    #[test]
    fn a_line_without_work_is_left_alone() {
        assert_eq!(Visit::new(3).next(&Line::default()), Next::Idle);
    }

    #[test]
    fn a_step_that_has_to_wait_does_not_hold_up_the_others() {
        let line = line(&[Stage::Requested, Stage::Building]);
        let mut visit = Visit::new(0);
        let first = visit.next_step(&line).unwrap();
        visit.failed(first.clone());
        let second = visit.next_step(&line).unwrap();
        assert_ne!(first, second);
        visit.underway(second);
        assert_eq!(visit.next_step(&line), None);
    }

    #[test]
    fn a_line_is_due_when_its_most_urgent_step_is() {
        let line = line(&[Stage::Requested, Stage::Building]);
        let mut visit = Visit::new(7);
        let [start, check] = plan(&line).try_into().unwrap();
        visit.failed(start);
        visit.underway(check);
        assert_eq!(visit.failures(), 8);
        let Next::At(wait) = visit.next(&line) else { panic!("there is work") };
        assert!(wait <= BUILD_LOOK, "the back-off of {wait:?} would hold up the build");
    }

    #[test]
    fn a_visit_without_failures_ends_the_back_off() {
        assert_eq!(Visit::new(7).failures(), 0);
    }

    #[test]
    fn a_line_that_never_rests_is_given_up_for_a_while() {
        let line = line(&[Stage::Building]);
        let mut visit = Visit::new(0);
        let steps = std::iter::from_fn(|| visit.next_step(&line)).count();
        assert_eq!(steps, STEPS_A_VISIT);
        assert_eq!(visit.next(&line), Next::At(REST));
    }
}

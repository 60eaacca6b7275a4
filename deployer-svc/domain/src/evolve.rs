//! The state after an event: one row an event, and no rules. An event about a deploy that is not underway moves nothing.

use crate::{
    event::Event,
    line::{AutoDeploy, Deploy, Line, RELEASES_KEPT, Release, Stage},
    names::{DeployId, Sha, Source},
    push::Push,
};

/// The line after the event.
#[must_use]
pub fn evolve(mut line: Line, event: &Event) -> Line {
    match event {
        Event::Requested { push } => {
            line.see(push);
            line.begin(push.mark.deploy, &push.mark.after, push.source, Stage::Requested);
        }
        Event::RedeployRequested { deploy, sha, .. } => {
            line.begin(*deploy, sha, Source::Manual, Stage::Requested);
        }
        Event::RollbackRequested { deploy, release, sha, image, .. } => {
            line.begin(
                *deploy,
                sha,
                Source::Rollback(*release),
                Stage::Built { image: image.clone() },
            );
        }
        Event::LeftUnchanged { push, .. }
        | Event::FoundDuplicate { push, .. }
        | Event::ArrivedLate { push, .. }
        | Event::HeldBack { push, .. } => line.see(push),
        Event::BuildStarted { deploy } => line.advance(*deploy, Stage::Building),
        Event::Built { deploy, image } => {
            line.advance(*deploy, Stage::Built { image: image.clone() });
        }
        Event::RolloutStarted { deploy, generation } => line.start_rollout(*deploy, *generation),
        Event::PutBackStarted { deploy, generation, ending } => {
            line.next_generation = generation + 1;
            line.advance(
                *deploy,
                Stage::PuttingBack { generation: *generation, ending: ending.clone() },
            );
        }
        Event::WentLive { deploy, release } => line.release(*deploy, *release),
        Event::Superseded { deploy, .. } | Event::Cancelled { deploy, .. } => {
            line.end_and_stop(*deploy);
        }
        Event::Failed { deploy, .. } => line.underway.retain(|other| other.id != *deploy),
        Event::BuildStopped { deploy } => line.stopping.retain(|other| other != deploy),
        Event::AutoDeployPaused { by } => line.auto_deploy = AutoDeploy::Paused { by: *by },
        Event::AutoDeployResumed { .. } => line.auto_deploy = AutoDeploy::On,
    }
    line
}

/// The line that a log of events gives.
#[must_use]
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Line {
    events.into_iter().fold(Line::default(), evolve)
}

impl Line {
    /// Remembers the push if it is the newest seen.
    fn see(&mut self, push: &Push) {
        if self.newest.as_ref().is_none_or(|newest| push.mark.order(newest).is_ge()) {
            self.newest = Some(push.mark.clone());
        }
    }

    fn begin(&mut self, id: DeployId, sha: &Sha, source: Source, stage: Stage) {
        self.underway.push(Deploy { id, sha: sha.clone(), source, stage });
    }

    fn advance(&mut self, id: DeployId, stage: Stage) {
        if let Some(deploy) = self.deploy_mut(id) {
            deploy.stage = stage;
        }
    }

    /// From `Built`, or from `RollingOut` again when a newer generation was found on the cluster.
    fn start_rollout(&mut self, id: DeployId, generation: u64) {
        self.next_generation = generation + 1;
        let Some(deploy) = self.deploy_mut(id) else { return };
        if let Stage::Built { image } | Stage::RollingOut { image, .. } = &deploy.stage {
            deploy.stage = Stage::RollingOut { image: image.clone(), generation };
        }
    }

    fn release(&mut self, id: DeployId, number: u64) {
        let Some(at) = self.underway.iter().position(|deploy| deploy.id == id) else { return };
        let deploy = self.underway.remove(at);
        if let Stage::RollingOut { image, .. } = deploy.stage {
            self.releases.push(Release { number, deploy: id, sha: deploy.sha, image });
            let surplus = self.releases.len().saturating_sub(RELEASES_KEPT);
            self.releases.drain(..surplus);
            self.next_release = number + 1;
        }
    }

    /// Ends a deploy; a build that may run is to be stopped.
    fn end_and_stop(&mut self, id: DeployId) {
        if self.deploy(id).is_some_and(Deploy::may_be_building) {
            self.stopping.push(id);
        }
        self.underway.retain(|deploy| deploy.id != id);
    }
}

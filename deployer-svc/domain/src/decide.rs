//! What a command changes, or why it is refused. Every rule of the line stands here, and only here.

use crate::{
    command::{BuildOutcome, Command, Rejection, RolloutOutcome},
    event::{Event, FailedStage},
    evolve::evolve,
    line::{AutoDeploy, Deploy, Ending, Line, Release, Stage},
    names::DeployId,
    push::Push,
};

/// The events that the command leads to; none when it repeats what is recorded, or comes too late to matter.
///
/// | command | legal in | else |
/// |---|---|---|
/// | `Push`, `Resume` | always | |
/// | `ReportBuild` | `Requested`, `Building` | nothing |
/// | `ReportRollout` | `RollingOut` of that generation | nothing |
/// | `ReportPutBack` | `PuttingBack` of that generation | nothing |
/// | `ReportStopped` | while it is being stopped | nothing |
/// | `Cancel` | every stage; `PuttingBack`: nothing | refused |
/// | `Redeploy` | there was a push, its commit is not underway | refused |
/// | `RollBack` | one of the last ten releases, not live, its commit not underway | refused |
pub fn decide(line: &Line, command: Command) -> Result<Vec<Event>, Rejection> {
    let mut events = match command {
        Command::Push(push) => decide_push(line, *push),
        Command::ReportBuild { deploy, outcome } => decide_build(line, deploy, outcome),
        Command::ReportRollout { deploy, generation, outcome } => {
            decide_rollout(line, deploy, generation, outcome)
        }
        Command::ReportPutBack { deploy, generation, outcome } => {
            decide_put_back(line, deploy, generation, outcome)
        }
        Command::ReportStopped { deploy } => decide_stopped(line, deploy),
        Command::Cancel { deploy, by } => decide_cancel(line, deploy, by)?,
        Command::Redeploy { deploy, by } => decide_redeploy(line, deploy, by)?,
        Command::RollBack { deploy, to, by } => decide_rollback(line, deploy, to, by)?,
        Command::Resume { by } => decide_resume(line, by),
    };
    events.extend(next_rollout(line, &events));
    Ok(events)
}

/// One rollout at a time: when the Deployment is free and something is built, its rollout starts.
fn next_rollout(line: &Line, events: &[Event]) -> Option<Event> {
    let line = events.iter().fold(line.clone(), evolve);
    if line.rollout_is_taken() {
        return None;
    }
    let built = line.underway.iter().find(|deploy| matches!(deploy.stage, Stage::Built { .. }))?;
    Some(Event::RolloutStarted { deploy: built.id, generation: line.next_generation })
}

/// Newest wins.
fn decide_push(line: &Line, push: Push) -> Vec<Event> {
    if line.knows(push.mark.deploy) {
        return Vec::new();
    }
    if let AutoDeploy::Paused { by } = line.auto_deploy {
        return vec![Event::HeldBack { push, paused_by: by }];
    }
    let newer = line
        .newest
        .as_ref()
        .filter(|newest| push.mark.order(newest).is_lt())
        .map(|newest| newest.deploy);
    let same = line
        .underway
        .iter()
        .find(|deploy| deploy.sha == push.mark.after && !deploy.is_being_undone());
    match (same.map(|deploy| deploy.id), newer) {
        (Some(of), Some(_)) => vec![Event::FoundDuplicate { push, of }],
        (None, Some(newer)) => vec![Event::ArrivedLate { push, newer }],
        (Some(of), None) => {
            let mut events = supersede(line, of);
            events.push(Event::FoundDuplicate { push, of });
            events
        }
        (None, None) => {
            if let Some(live) =
                line.live().filter(|live| live.sha == push.mark.after && line.underway.is_empty())
            {
                vec![Event::LeftUnchanged { push, live: live.deploy }]
            } else {
                let mut events = supersede(line, push.mark.deploy);
                events.push(Event::Requested { push });
                events
            }
        }
    }
}

/// Ends every deploy that has not begun to roll out, save the one that takes their place.
fn supersede(line: &Line, by: DeployId) -> Vec<Event> {
    let waiting =
        line.underway.iter().filter(|deploy| !deploy.is_on_the_cluster() && deploy.id != by);
    waiting.map(|deploy| Event::Superseded { deploy: deploy.id, by }).collect()
}

fn decide_build(line: &Line, id: DeployId, outcome: BuildOutcome) -> Vec<Event> {
    let Some(deploy) = line.deploy(id).filter(|deploy| deploy.may_be_building()) else {
        return Vec::new();
    };
    let fail = |reason| Event::Failed { deploy: id, stage: FailedStage::Build, reason };
    // A run that was seen for the first time when it had ended was started all the same.
    let started = (deploy.stage == Stage::Requested).then_some(Event::BuildStarted { deploy: id });
    let ended = match outcome {
        BuildOutcome::Started => None,
        BuildOutcome::Succeeded { image } => Some(Event::Built { deploy: id, image }),
        BuildOutcome::Failed { reason } => Some(fail(reason)),
        BuildOutcome::Gone => Some(fail("its PipelineRun was deleted".to_owned())),
    };
    started.into_iter().chain(ended).collect()
}

fn decide_rollout(
    line: &Line,
    id: DeployId,
    generation: u64,
    outcome: RolloutOutcome,
) -> Vec<Event> {
    let stage = line.deploy(id).map(|deploy| &deploy.stage);
    if !matches!(stage, Some(Stage::RollingOut { generation: ours, .. }) if *ours == generation) {
        return Vec::new();
    }
    vec![match outcome {
        RolloutOutcome::Complete => Event::WentLive { deploy: id, release: line.next_release },
        RolloutOutcome::Failed { reason } if line.live().is_some() => {
            put_back(id, line.next_generation, Ending::Failed { reason })
        }
        RolloutOutcome::Failed { reason } => {
            Event::Failed { deploy: id, stage: FailedStage::Rollout, reason }
        }
        // The cluster is ahead of the log (a database put back from a copy): go on above what is there.
        RolloutOutcome::Fenced { found } => {
            Event::RolloutStarted { deploy: id, generation: above(line, found) }
        }
    }]
}

fn decide_put_back(
    line: &Line,
    id: DeployId,
    generation: u64,
    outcome: RolloutOutcome,
) -> Vec<Event> {
    let Some(Stage::PuttingBack { generation: ours, ending }) =
        line.deploy(id).map(|deploy| &deploy.stage)
    else {
        return Vec::new();
    };
    if *ours != generation {
        return Vec::new();
    }
    vec![match (outcome, ending.clone()) {
        (RolloutOutcome::Complete, Ending::Failed { reason }) => {
            Event::Failed { deploy: id, stage: FailedStage::Rollout, reason }
        }
        (RolloutOutcome::Complete, Ending::Cancelled { by }) => Event::Cancelled { deploy: id, by },
        (RolloutOutcome::Failed { reason }, Ending::Failed { reason: first }) => Event::Failed {
            deploy: id,
            stage: FailedStage::PutBack,
            reason: format!("{first}; then: {reason}"),
        },
        (RolloutOutcome::Failed { reason }, Ending::Cancelled { .. }) => {
            Event::Failed { deploy: id, stage: FailedStage::PutBack, reason }
        }
        (RolloutOutcome::Fenced { found }, ending) => put_back(id, above(line, found), ending),
    }]
}

fn put_back(deploy: DeployId, generation: u64, ending: Ending) -> Event {
    Event::PutBackStarted { deploy, generation, ending }
}

fn above(line: &Line, found: u64) -> u64 {
    line.next_generation.max(found.saturating_add(1))
}

fn decide_stopped(line: &Line, deploy: DeployId) -> Vec<Event> {
    if line.stopping.contains(&deploy) { vec![Event::BuildStopped { deploy }] } else { Vec::new() }
}

fn decide_cancel(line: &Line, id: DeployId, by: String) -> Result<Vec<Event>, Rejection> {
    let deploy = line.deploy(id).ok_or(Rejection::NotUnderway(id))?;
    match deploy.stage {
        Stage::Requested | Stage::Building | Stage::Built { .. } => {
            Ok(vec![Event::Cancelled { deploy: id, by }])
        }
        Stage::RollingOut { .. } if line.live().is_some() => {
            Ok(vec![put_back(id, line.next_generation, Ending::Cancelled { by })])
        }
        Stage::RollingOut { .. } => Err(Rejection::NothingToPutBack),
        Stage::PuttingBack { .. } => Ok(Vec::new()),
    }
}

fn decide_redeploy(line: &Line, id: DeployId, by: String) -> Result<Vec<Event>, Rejection> {
    if line.knows(id) {
        return Ok(Vec::new());
    }
    let sha = line.newest.as_ref().ok_or(Rejection::NoPush)?.after.clone();
    refuse_if_underway(line, |deploy| deploy.sha == sha)?;
    let mut events = supersede(line, id);
    events.push(Event::RedeployRequested { deploy: id, sha, by });
    Ok(events)
}

fn decide_rollback(
    line: &Line,
    id: DeployId,
    to: Option<DeployId>,
    by: String,
) -> Result<Vec<Event>, Rejection> {
    if line.knows(id) {
        return Ok(Vec::new());
    }
    let current = line.live().ok_or(Rejection::NoSuchRelease)?;
    let release = match to {
        Some(to) => line.releases.iter().rev().find(|release| release.deploy == to),
        None => line.releases.iter().rev().find(|release| release.image != current.image),
    };
    let Release { number, sha, image, .. } = release.ok_or(Rejection::NoSuchRelease)?.clone();
    if number == current.number && line.underway.is_empty() {
        return Err(Rejection::AlreadyLive(number));
    }
    refuse_if_underway(line, |deploy| deploy.sha == sha && deploy.is_on_the_cluster())?;
    let mut events = supersede(line, id);
    events.push(Event::RollbackRequested { deploy: id, release: number, sha, image, by });
    events.push(Event::AutoDeployPaused { by: id });
    Ok(events)
}

/// One underway deploy a commit.
fn refuse_if_underway(line: &Line, same: impl Fn(&Deploy) -> bool) -> Result<(), Rejection> {
    match line.underway.iter().find(|deploy| same(deploy) && !deploy.is_being_undone()) {
        Some(deploy) => Err(Rejection::AlreadyUnderway(deploy.id)),
        None => Ok(()),
    }
}

fn decide_resume(line: &Line, by: String) -> Vec<Event> {
    match line.auto_deploy {
        AutoDeploy::On => Vec::new(),
        AutoDeploy::Paused { .. } => vec![Event::AutoDeployResumed { by }],
    }
}

impl Line {
    /// Whether the deploy is one of those the line still remembers; the store knows them all.
    fn knows(&self, id: DeployId) -> bool {
        self.deploy(id).is_some()
            || self.stopping.contains(&id)
            || self.newest.as_ref().is_some_and(|newest| newest.deploy == id)
            || self.releases.iter().any(|release| release.deploy == id)
    }
}

impl Deploy {
    /// Whether it is about to end: a push of the same commit is then no duplicate of it, or it would be lost.
    fn is_being_undone(&self) -> bool {
        matches!(self.stage, Stage::PuttingBack { .. })
    }
}

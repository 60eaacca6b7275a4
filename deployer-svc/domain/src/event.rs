//! What happened to a line, as it is recorded for ever: a shape that was written once must stay readable.

use serde::{Deserialize, Serialize};

use crate::{
    line::Ending,
    names::{DeployId, Image, Sha, Source},
    push::Push,
};

/// One fact. New fields need a default; a new meaning needs a new name (`tests/recorded_events.json` holds every shape).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A push is to be deployed.
    Requested {
        /// The push.
        push: Push,
    },
    /// A person wants the newest push's commit built and deployed once more.
    RedeployRequested {
        /// The new deploy.
        deploy: DeployId,
        /// The commit.
        sha: Sha,
        /// Who.
        by: String,
    },
    /// A person wants a release's image live again.
    RollbackRequested {
        /// The new deploy.
        deploy: DeployId,
        /// The release's number.
        release: u64,
        /// Its commit.
        sha: Sha,
        /// Its image.
        image: Image,
        /// Who.
        by: String,
    },
    /// A push of the commit that is live already, with nothing else underway.
    LeftUnchanged {
        /// The push.
        push: Push,
        /// The deploy that is live.
        live: DeployId,
    },
    /// A push of a commit that is underway already.
    FoundDuplicate {
        /// The push.
        push: Push,
        /// The deploy that is underway.
        of: DeployId,
    },
    /// A push that is older than one that arrived before it.
    ArrivedLate {
        /// The push.
        push: Push,
        /// The newer push's deploy.
        newer: DeployId,
    },
    /// A push while auto-deploy is paused.
    HeldBack {
        /// The push.
        push: Push,
        /// The rollback that paused it.
        paused_by: DeployId,
    },
    /// A newer deploy took this one's place before it began to roll out.
    Superseded {
        /// The deploy that ended.
        deploy: DeployId,
        /// The newer one.
        by: DeployId,
    },
    /// The PipelineRun exists.
    BuildStarted {
        /// Whose.
        deploy: DeployId,
    },
    /// The image exists.
    Built {
        /// Whose.
        deploy: DeployId,
        /// By digest.
        image: Image,
    },
    /// From here on the image may be on the Deployment. Recorded before the write, so that a crash cannot hide it.
    RolloutStarted {
        /// Whose.
        deploy: DeployId,
        /// The fence of the write.
        generation: u64,
    },
    /// The rollout is complete.
    WentLive {
        /// Whose.
        deploy: DeployId,
        /// The number of the release.
        release: u64,
    },
    /// The last live image is to go back. Recorded before the write.
    PutBackStarted {
        /// Whose image is taken off.
        deploy: DeployId,
        /// The fence of the write.
        generation: u64,
        /// How the deploy ends when that is done.
        ending: Ending,
    },
    /// The deploy ended without going live.
    Failed {
        /// Which.
        deploy: DeployId,
        /// Where.
        stage: FailedStage,
        /// What was seen.
        reason: String,
    },
    /// Somebody ended the deploy.
    Cancelled {
        /// Which.
        deploy: DeployId,
        /// Who.
        by: String,
    },
    /// A build that nobody needs any more has ended.
    BuildStopped {
        /// Whose.
        deploy: DeployId,
    },
    /// Pushes are held back.
    AutoDeployPaused {
        /// The rollback that asks for it.
        by: DeployId,
    },
    /// Pushes are deployed again.
    AutoDeployResumed {
        /// Who asked.
        by: String,
    },
}

/// Where a deploy failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailedStage {
    /// In its build.
    Build,
    /// In its rollout.
    Rollout,
    /// In its rollout, and the last live image could not be put back either.
    PutBack,
}

impl FailedStage {
    /// For people and labels.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Rollout => "rollout",
            Self::PutBack => "put back",
        }
    }
}

/// What an event changes in the summary of its deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Which deploy.
    pub deploy: DeployId,
    /// Its state from now on, as the REST API names it.
    pub state: &'static str,
    /// Why it ended so.
    pub reason: Option<String>,
    /// The deploy that this one repeats or that took its place.
    pub other: Option<DeployId>,
    /// Its image, where the event tells it.
    pub image: Option<Image>,
    /// The fence, where the event gives one.
    pub generation: Option<u64>,
}

impl Event {
    /// The event's name, as in its recorded form.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Requested { .. } => "requested",
            Self::RedeployRequested { .. } => "redeploy_requested",
            Self::RollbackRequested { .. } => "rollback_requested",
            Self::LeftUnchanged { .. } => "left_unchanged",
            Self::FoundDuplicate { .. } => "found_duplicate",
            Self::ArrivedLate { .. } => "arrived_late",
            Self::HeldBack { .. } => "held_back",
            Self::Superseded { .. } => "superseded",
            Self::BuildStarted { .. } => "build_started",
            Self::Built { .. } => "built",
            Self::RolloutStarted { .. } => "rollout_started",
            Self::WentLive { .. } => "went_live",
            Self::PutBackStarted { .. } => "put_back_started",
            Self::Failed { .. } => "failed",
            Self::Cancelled { .. } => "cancelled",
            Self::BuildStopped { .. } => "build_stopped",
            Self::AutoDeployPaused { .. } => "auto_deploy_paused",
            Self::AutoDeployResumed { .. } => "auto_deploy_resumed",
        }
    }

    /// The deploy it is about; none for events of the line itself.
    #[must_use]
    pub fn deploy(&self) -> Option<DeployId> {
        match self {
            Self::Requested { push }
            | Self::LeftUnchanged { push, .. }
            | Self::FoundDuplicate { push, .. }
            | Self::ArrivedLate { push, .. }
            | Self::HeldBack { push, .. } => Some(push.mark.deploy),
            Self::RedeployRequested { deploy, .. }
            | Self::RollbackRequested { deploy, .. }
            | Self::Superseded { deploy, .. }
            | Self::BuildStarted { deploy }
            | Self::Built { deploy, .. }
            | Self::RolloutStarted { deploy, .. }
            | Self::WentLive { deploy, .. }
            | Self::PutBackStarted { deploy, .. }
            | Self::Failed { deploy, .. }
            | Self::Cancelled { deploy, .. }
            | Self::BuildStopped { deploy } => Some(*deploy),
            Self::AutoDeployPaused { .. } | Self::AutoDeployResumed { .. } => None,
        }
    }

    /// The push that it records, if it records one.
    #[must_use]
    pub fn push(&self) -> Option<&Push> {
        match self {
            Self::Requested { push }
            | Self::LeftUnchanged { push, .. }
            | Self::FoundDuplicate { push, .. }
            | Self::ArrivedLate { push, .. }
            | Self::HeldBack { push, .. } => Some(push),
            Self::RedeployRequested { .. }
            | Self::RollbackRequested { .. }
            | Self::Superseded { .. }
            | Self::BuildStarted { .. }
            | Self::Built { .. }
            | Self::RolloutStarted { .. }
            | Self::WentLive { .. }
            | Self::PutBackStarted { .. }
            | Self::Failed { .. }
            | Self::Cancelled { .. }
            | Self::BuildStopped { .. }
            | Self::AutoDeployPaused { .. }
            | Self::AutoDeployResumed { .. } => None,
        }
    }

    /// Commit and source of the deploy that begins with this event, if one does.
    #[must_use]
    pub fn begins(&self) -> Option<(&Sha, Source)> {
        if let Self::RedeployRequested { sha, .. } = self {
            Some((sha, Source::Manual))
        } else if let Self::RollbackRequested { sha, release, .. } = self {
            Some((sha, Source::Rollback(*release)))
        } else {
            self.push().map(|push| (&push.mark.after, push.source))
        }
    }

    /// What it changes in the summary of its deploy; nothing for events that people do not see as a state.
    #[must_use]
    pub fn summary(&self) -> Option<Summary> {
        let to = |state| self.deploy().map(|deploy| Summary::new(deploy, state));
        match self {
            Self::Requested { .. } | Self::RedeployRequested { .. } => to("requested"),
            Self::RollbackRequested { image, .. } => to("built").map(|s| s.with_image(image)),
            Self::LeftUnchanged { live, .. } => to("duplicate").map(|s| {
                s.because(format!("this commit is live already, by deploy {live}"), *live)
            }),
            Self::FoundDuplicate { of, .. } => to("duplicate").map(|s| {
                s.because(format!("this commit was underway already, as deploy {of}"), *of)
            }),
            Self::ArrivedLate { newer, .. } => to("superseded").map(|s| {
                s.because(format!("a newer push had arrived before, deploy {newer}"), *newer)
            }),
            Self::HeldBack { paused_by, .. } => to("cancelled").map(|s| {
                s.because(format!("auto-deploy is paused by rollback {paused_by}"), *paused_by)
            }),
            Self::Superseded { by, .. } => {
                to("superseded").map(|s| s.because(format!("superseded by deploy {by}"), *by))
            }
            Self::BuildStarted { .. } => to("building"),
            Self::Built { image, .. } => to("built").map(|s| s.with_image(image)),
            Self::RolloutStarted { generation, .. } => {
                to("rolling_out").map(|s| s.fenced(*generation))
            }
            Self::PutBackStarted { generation, .. } => {
                to("rolling_back").map(|s| s.fenced(*generation))
            }
            Self::WentLive { .. } => to("live"),
            Self::Failed { stage, reason, .. } => {
                to("failed").map(|s| s.saying(format!("{} failed: {reason}", stage.name())))
            }
            Self::Cancelled { by, .. } => {
                to("cancelled").map(|s| s.saying(format!("cancelled by {by}")))
            }
            Self::BuildStopped { .. }
            | Self::AutoDeployPaused { .. }
            | Self::AutoDeployResumed { .. } => None,
        }
    }
}

impl Summary {
    fn new(deploy: DeployId, state: &'static str) -> Self {
        Self { deploy, state, reason: None, other: None, image: None, generation: None }
    }

    fn saying(self, reason: String) -> Self {
        Self { reason: Some(reason), ..self }
    }

    fn because(self, reason: String, other: DeployId) -> Self {
        Self { other: Some(other), ..self.saying(reason) }
    }

    fn with_image(self, image: &Image) -> Self {
        Self { image: Some(image.clone()), ..self }
    }

    fn fenced(self, generation: u64) -> Self {
        Self { generation: Some(generation), ..self }
    }
}

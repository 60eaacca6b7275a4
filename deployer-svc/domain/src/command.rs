//! What can be asked of a line, and why it may be refused.

use crate::{
    names::{DeployId, Image},
    push::Push,
};

/// An imperative of a provider or a person, or a report of the runner. Reports name what they are about, so that one
/// that comes late, or twice, changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// A push was accepted.
    Push(Box<Push>),
    /// What a deploy's build came to.
    ReportBuild {
        /// Whose build.
        deploy: DeployId,
        /// What was seen.
        outcome: BuildOutcome,
    },
    /// What a rollout came to.
    ReportRollout {
        /// Whose rollout.
        deploy: DeployId,
        /// Which write it was.
        generation: u64,
        /// What was seen.
        outcome: RolloutOutcome,
    },
    /// What putting back came to.
    ReportPutBack {
        /// Whose image was taken off.
        deploy: DeployId,
        /// Which write it was.
        generation: u64,
        /// What was seen.
        outcome: PutBackOutcome,
    },
    /// A build that was to be stopped has ended or never was.
    ReportStopped {
        /// Whose build.
        deploy: DeployId,
    },
    /// End a deploy.
    Cancel {
        /// Which.
        deploy: DeployId,
        /// Who asks.
        by: String,
    },
    /// Build and deploy the newest push's commit once more.
    Redeploy {
        /// The id of the deploy to be.
        deploy: DeployId,
        /// Who asks.
        by: String,
    },
    /// Put an earlier release's image live, and hold pushes back.
    RollBack {
        /// The id of the deploy to be.
        deploy: DeployId,
        /// The deploy that brought the release; the one before the live one when absent.
        to: Option<DeployId>,
        /// Who asks.
        by: String,
    },
    /// Deploy pushes again.
    Resume {
        /// Who asks.
        by: String,
    },
}

/// What was seen of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BuildOutcome {
    /// The PipelineRun is there.
    Started,
    /// It ended well.
    Succeeded {
        /// By digest.
        image: Image,
    },
    /// It ended otherwise, or never will.
    Failed {
        /// What Tekton said.
        reason: String,
    },
    /// It was there and is no more.
    Gone,
}

/// What was seen of a rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RolloutOutcome {
    /// All replicas run the image.
    Complete,
    /// Kubernetes gave up, or refuses it.
    Failed {
        /// What it said.
        reason: String,
    },
    /// A newer generation than ours is on the Deployment: our log is behind the cluster.
    Fenced {
        /// That generation.
        found: u64,
    },
}

/// What was seen of putting back. The same things can happen as with a rollout.
pub type PutBackOutcome = RolloutOutcome;

/// Why a rule says no. Its text is for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The deploy has ended, or never was.
    #[error("deploy {0} is not underway")]
    NotUnderway(DeployId),
    /// The same commit is on its way already.
    #[error("this commit is underway already, as deploy {0}")]
    AlreadyUnderway(DeployId),
    /// A first rollout cannot be cancelled.
    #[error("the first rollout of an app cannot be cancelled: there is nothing to put back")]
    NothingToPutBack,
    /// Not one of the releases that are kept.
    #[error("there is no such release; the last {kept} can be rolled back to", kept = crate::line::RELEASES_KEPT)]
    NoSuchRelease,
    /// That release is what is live.
    #[error("release {0} is live already")]
    AlreadyLive(u64),
    /// Nothing was ever pushed.
    #[error("nothing was pushed yet: there is no commit to deploy")]
    NoPush,
}

//! The state of an app's line of deploys. It stays small: a deploy that has ended leaves it.

use serde::{Deserialize, Serialize};

use crate::{
    names::{DeployId, Image, Sha, Source},
    push::Mark,
};

/// So many releases stay available for a rollback.
pub(crate) const RELEASES_KEPT: usize = 10;

/// What is live, what is underway, and the newest push seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The generation that the next write to the Deployment gets: the fence only ever rises.
    pub next_generation: u64,
    /// The number that the next release gets.
    pub next_release: u64,
    /// The last releases, the live one last.
    pub releases: Vec<Release>,
    /// The newest push seen, whatever became of it.
    pub newest: Option<Mark>,
    /// Deploys that have not ended, in decided order.
    pub underway: Vec<Deploy>,
    /// Deploys that ended while their build may still run.
    pub stopping: Vec<DeployId>,
    /// Whether pushes are deployed.
    pub auto_deploy: AutoDeploy,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            next_generation: 1,
            next_release: 1,
            releases: Vec::new(),
            newest: None,
            underway: Vec::new(),
            stopping: Vec::new(),
            auto_deploy: AutoDeploy::On,
        }
    }
}

impl Line {
    /// What is live.
    #[must_use]
    pub fn live(&self) -> Option<&Release> {
        self.releases.last()
    }

    /// A deploy that has not ended.
    #[must_use]
    pub fn deploy(&self, id: DeployId) -> Option<&Deploy> {
        self.underway.iter().find(|deploy| deploy.id == id)
    }

    /// Whether nothing is underway and no build is being stopped.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.underway.is_empty() && self.stopping.is_empty()
    }

    pub(crate) fn deploy_mut(&mut self, id: DeployId) -> Option<&mut Deploy> {
        self.underway.iter_mut().find(|deploy| deploy.id == id)
    }

    /// Whether a deploy has the Deployment: only one has at a time.
    pub(crate) fn rollout_is_taken(&self) -> bool {
        self.underway.iter().any(Deploy::is_on_the_cluster)
    }
}

/// A deploy that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deploy {
    /// Its id.
    pub id: DeployId,
    /// The commit.
    pub sha: Sha,
    /// What asked for it.
    pub source: Source,
    /// How far it is.
    pub stage: Stage,
}

impl Deploy {
    /// Whether its image may be on the Deployment: then a newer push waits for it instead of superseding it.
    #[must_use]
    pub fn is_on_the_cluster(&self) -> bool {
        matches!(self.stage, Stage::RollingOut { .. } | Stage::PuttingBack { .. })
    }

    /// Whether its PipelineRun may exist and run.
    pub(crate) fn may_be_building(&self) -> bool {
        matches!(self.stage, Stage::Requested | Stage::Building)
    }
}

/// How far a deploy is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// Its build is to be started.
    Requested,
    /// Its PipelineRun exists.
    Building,
    /// Its image exists; it waits for the Deployment.
    Built {
        /// By digest.
        image: Image,
    },
    /// Its image may be on the Deployment.
    RollingOut {
        /// By digest.
        image: Image,
        /// The fence of this write.
        generation: u64,
    },
    /// The last live image goes back on the Deployment.
    PuttingBack {
        /// The fence of this write.
        generation: u64,
        /// How the deploy ends when that is done.
        ending: Ending,
    },
}

/// How a deploy whose image is taken off the cluster again will end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ending", rename_all = "snake_case")]
pub enum Ending {
    /// Its rollout failed.
    Failed {
        /// What Kubernetes said.
        reason: String,
    },
    /// Somebody cancelled it.
    Cancelled {
        /// Who.
        by: String,
    },
}

/// A commit that went live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// Counts from 1.
    pub number: u64,
    /// The deploy that brought it.
    pub deploy: DeployId,
    /// The commit.
    pub sha: Sha,
    /// By digest.
    pub image: Image,
}

/// Whether pushes are deployed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "auto_deploy", rename_all = "snake_case")]
pub enum AutoDeploy {
    /// They are.
    On,
    /// A rollback holds them back until somebody resumes.
    Paused {
        /// The rollback's deploy.
        by: DeployId,
    },
}

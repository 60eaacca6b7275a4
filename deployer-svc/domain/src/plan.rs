//! What to do next. Every step may be done again: names are deterministic and writes are fenced.

use crate::{
    line::{Deploy, Line, Stage},
    names::{DeployId, Image, Sha},
};

/// Something to do to the world, and to report on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Create the PipelineRun, or find it. Report: `ReportBuild`.
    StartBuild {
        /// Whose.
        deploy: DeployId,
        /// The commit to build.
        sha: Sha,
    },
    /// Read the PipelineRun. Report: `ReportBuild`.
    CheckBuild {
        /// Whose.
        deploy: DeployId,
    },
    /// Cancel the PipelineRun. Report: `ReportStopped`.
    StopBuild {
        /// Whose.
        deploy: DeployId,
    },
    /// Put the image on the Deployment unless it is there, and see how that goes. Report: `ReportRollout`.
    RollOut {
        /// Whose.
        deploy: DeployId,
        /// The fence.
        generation: u64,
        /// By digest.
        image: Image,
        /// Its commit.
        sha: Sha,
    },
    /// Put the last live image on the Deployment unless it is there, and see how that goes. Report: `ReportPutBack`.
    PutBack {
        /// Whose image is taken off.
        deploy: DeployId,
        /// The fence.
        generation: u64,
        /// The last live image, by digest.
        image: Image,
        /// Its commit.
        sha: Sha,
    },
}

/// The steps that the line is waiting for. They do not depend on one another.
#[must_use]
pub fn plan(line: &Line) -> Vec<Step> {
    let ended = line.stopping.iter().map(|deploy| Step::StopBuild { deploy: *deploy });
    let underway = line.underway.iter().filter_map(|deploy| next_step(line, deploy));
    underway.chain(ended).collect()
}

fn next_step(line: &Line, deploy: &Deploy) -> Option<Step> {
    let Deploy { id, sha, stage, .. } = deploy;
    match stage {
        Stage::Requested => Some(Step::StartBuild { deploy: *id, sha: sha.clone() }),
        Stage::Building => Some(Step::CheckBuild { deploy: *id }),
        Stage::Built { .. } => None,
        Stage::RollingOut { image, generation } => Some(Step::RollOut {
            deploy: *id,
            generation: *generation,
            image: image.clone(),
            sha: sha.clone(),
        }),
        Stage::PuttingBack { generation, .. } => line.live().map(|live| Step::PutBack {
            deploy: *id,
            generation: *generation,
            image: live.image.clone(),
            sha: live.sha.clone(),
        }),
    }
}

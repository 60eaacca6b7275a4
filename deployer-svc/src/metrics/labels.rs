//! The values of every label of the deployer's metrics.

use deploy_domain::{FailedStage, Step};
use paas_proto::streams::Prefix;

use crate::inbound::Queue;

telemetry::labels! {
    /// A stream that is taken in.
    pub(crate) enum Stream as "stream" {
        /// Pushes.
        Pushes = "pushes",
        /// Word of builds.
        Builds = "builds",
    }
}

impl Stream {
    /// Its name on the broker.
    pub(crate) fn name(self, prefix: &Prefix) -> String {
        match self {
            Self::Pushes => prefix.pushes(),
            Self::Builds => prefix.builds(),
        }
    }
}

impl From<Queue> for Stream {
    fn from(queue: Queue) -> Self {
        match queue {
            Queue::Pushes => Self::Pushes,
            Queue::Builds => Self::Builds,
        }
    }
}

telemetry::labels! {
    /// What became of a message.
    pub(crate) enum Settled as "outcome" {
        /// It is on record now.
        Recorded = "recorded",
        /// It was before.
        Known = "known",
        /// It can never be taken in.
        DeadLetter = "dead_letter",
        /// It is left to a later delivery.
        Left = "left",
    }
}

telemetry::labels! {
    /// How a deploy ended.
    pub(crate) enum Outcome as "outcome" {
        /// Its image is live.
        Live = "live",
        /// It failed.
        Failed = "failed",
        /// A newer push took its place.
        Superseded = "superseded",
        /// Somebody ended it, or it was held back.
        Cancelled = "cancelled",
        /// Another deploy does the same.
        Duplicate = "duplicate",
    }
}

impl Outcome {
    /// That a state of a deploy is; nothing for one that has not ended.
    pub(crate) fn of_state(state: &str) -> Option<Self> {
        use telemetry::Label as _;
        Self::ALL.iter().copied().find(|outcome| outcome.value() == state)
    }
}

telemetry::labels! {
    /// How far a deploy is.
    pub(crate) enum Stage as "stage" {
        /// Its build is to be started.
        Requested = "requested",
        /// Its build runs.
        Building = "building",
        /// It waits for the Deployment.
        Built = "built",
        /// Its image may be on the Deployment.
        RollingOut = "rolling_out",
        /// The last live image goes back.
        RollingBack = "rolling_back",
    }
}

impl Stage {
    /// That a state of a deploy is; nothing for one that has ended.
    pub(crate) fn of_state(state: &str) -> Option<Self> {
        use telemetry::Label as _;
        Self::ALL.iter().copied().find(|stage| stage.value() == state)
    }
}

telemetry::labels! {
    /// Where a deploy failed.
    pub(crate) enum EndedIn as "stage" {
        /// It did not fail.
        None = "none",
        /// In its build.
        Build = "build",
        /// In its rollout.
        Rollout = "rollout",
        /// In its rollout, and the last live image could not be put back.
        PutBack = "put_back",
    }
}

impl From<Option<FailedStage>> for EndedIn {
    fn from(stage: Option<FailedStage>) -> Self {
        match stage {
            None => Self::None,
            Some(FailedStage::Build) => Self::Build,
            Some(FailedStage::Rollout) => Self::Rollout,
            Some(FailedStage::PutBack) => Self::PutBack,
        }
    }
}

telemetry::labels! {
    /// How putting the last live image back ended.
    pub(crate) enum PutBack as "outcome" {
        /// It is live again.
        Complete = "complete",
        /// It is not.
        Failed = "failed",
    }
}

telemetry::labels! {
    /// A kind of step.
    pub(crate) enum StepKind as "step" {
        /// Starts a build.
        StartBuild = "start_build",
        /// Looks how a build goes.
        CheckBuild = "check_build",
        /// Ends a build.
        StopBuild = "stop_build",
        /// Puts an image on the Deployment, or looks how that goes.
        RollOut = "roll_out",
        /// Puts the last live image back, or looks how that goes.
        PutBack = "put_back",
    }
}

impl From<&Step> for StepKind {
    fn from(step: &Step) -> Self {
        match step {
            Step::StartBuild { .. } => Self::StartBuild,
            Step::CheckBuild { .. } => Self::CheckBuild,
            Step::StopBuild { .. } => Self::StopBuild,
            Step::RollOut { .. } => Self::RollOut,
            Step::PutBack { .. } => Self::PutBack,
        }
    }
}

telemetry::labels! {
    /// What a step came to.
    pub(crate) enum Stepped as "outcome" {
        /// The line moved on.
        Moved = "moved",
        /// What it is about goes on.
        Underway = "underway",
        /// It is tried again.
        Failed = "failed",
    }
}

telemetry::labels! {
    /// A call of the cluster's agent.
    pub(crate) enum Call as "call" {
        /// `StartBuild`.
        StartBuild = "start_build",
        /// `StopBuild`.
        StopBuild = "stop_build",
        /// `GetBuild`.
        GetBuild = "get_build",
        /// `RollOut`.
        RollOut = "roll_out",
        /// `PutBack`.
        PutBack = "put_back",
        /// `Logs`: only its beginning is measured.
        Logs = "logs",
        /// `Remove`.
        Remove = "remove",
        /// `Watch`: only its beginning is measured.
        Watch = "watch",
    }
}

impl Call {
    /// As the protocol names it.
    pub(crate) fn method(self) -> &'static str {
        match self {
            Self::StartBuild => "StartBuild",
            Self::StopBuild => "StopBuild",
            Self::GetBuild => "GetBuild",
            Self::RollOut => "RollOut",
            Self::PutBack => "PutBack",
            Self::Logs => "Logs",
            Self::Remove => "Remove",
            Self::Watch => "Watch",
        }
    }
}

telemetry::labels! {
    /// How a call of the agent ended.
    pub(crate) enum Called as "outcome" {
        /// Well.
        Ok = "ok",
        /// It can never work.
        Refused = "refused",
        /// It may work later.
        Transient = "transient",
    }
}

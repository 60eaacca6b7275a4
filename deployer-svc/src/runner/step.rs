//! Carries out one step on the cluster and says what to report of it. Every step may be done again: the agent finds
//! what an earlier try created.

use std::time::Duration;

use deploy_domain::{BuildOutcome, Command, DeployId, Image, RolloutOutcome, Sha, Step};
use jiff::Timestamp;
use paas_proto::{
    cluster::{
        App as AppMessage, Build, GetBuildRequest, PutBackRequest, RollOutRequest, Rollout,
        StartBuildRequest, StopBuildRequest,
    },
    ids,
};

use super::{outcome, patience::Patience};
use crate::{
    clone_credentials::CloneCredentials,
    cluster_port::{Cluster, Error},
    store::{App, DeployInputs},
};

/// What a look at the cluster came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding {
    /// It goes on: look again later.
    Underway,
    /// The line is to be told.
    Report(Command),
}

/// How long to be patient, beyond what the agent itself was told.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// After this a build that has not ended is ended: Tekton should have done it.
    pub build: Duration,
    /// After this a rollout that is not complete has failed: Kubernetes should have said so.
    pub rollout: Duration,
}

/// The hands of the runner.
#[derive(Debug)]
pub(super) struct Hands {
    cluster: Cluster,
    credentials: CloneCredentials,
    limits: Limits,
    patience: Patience,
}

/// A write to the Deployment: of a rollout and of a put-back alike.
struct Write<'a> {
    deploy: DeployId,
    generation: u64,
    image: &'a Image,
    sha: &'a Sha,
}

impl Hands {
    pub(super) fn new(cluster: Cluster, credentials: CloneCredentials, limits: Limits) -> Self {
        Self { cluster, credentials, limits, patience: Patience::default() }
    }

    /// Does the step. What the cluster refuses for good is a finding, too.
    pub(super) async fn perform(
        &self,
        app: &App,
        step: &Step,
        inputs: &DeployInputs,
    ) -> Result<Finding, Error> {
        match step {
            Step::StartBuild { deploy, sha } => self.start_build(app, *deploy, sha, inputs).await,
            Step::CheckBuild { deploy } => self.check_build(*deploy).await,
            Step::StopBuild { deploy } => self.stop_build(*deploy).await,
            Step::RollOut { deploy, generation, image, sha } => {
                let (deploy, generation) = (*deploy, *generation);
                let outcome = self.roll_out(app, Write { deploy, generation, image, sha }).await?;
                Ok(outcome.map_or(Finding::Underway, |outcome| {
                    Finding::Report(Command::ReportRollout { deploy, generation, outcome })
                }))
            }
            Step::PutBack { deploy, generation, image, sha } => {
                let (deploy, generation) = (*deploy, *generation);
                let outcome = self.put_back(app, Write { deploy, generation, image, sha }).await?;
                Ok(outcome.map_or(Finding::Underway, |outcome| {
                    Finding::Report(Command::ReportPutBack { deploy, generation, outcome })
                }))
            }
        }
    }

    async fn start_build(
        &self,
        app: &App,
        deploy: DeployId,
        sha: &Sha,
        inputs: &DeployInputs,
    ) -> Result<Finding, Error> {
        // Asked at each try: what was given at the last one may have run out since.
        let credential = self.credentials.of(deploy.0, &inputs.clone_url).await;
        let credential = credential.map_err(|error| Error::Transient(error.to_string()))?;
        let request = StartBuildRequest {
            app: Some(message(app)),
            deploy_id: deploy.to_string(),
            run_name: ids::run_name(deploy.0),
            clone_url: inputs.clone_url.clone(),
            sha: sha.to_string(),
            traceparent: inputs.traceparent.clone().unwrap_or_default(),
            clone_credential: credential,
        };
        let outcome = match self.cluster.start_build(request).await {
            Ok(build) => outcome::of_build(&build)?,
            Err(Error::Refused(reason)) => BuildOutcome::Failed { reason },
            Err(error) => return Err(error),
        };
        if outcome == BuildOutcome::Gone {
            return Err(Error::Transient("the PipelineRun went while it was started".to_owned()));
        }
        Ok(Finding::Report(Command::ReportBuild { deploy, outcome }))
    }

    async fn check_build(&self, deploy: DeployId) -> Result<Finding, Error> {
        let request =
            GetBuildRequest { run_name: ids::run_name(deploy.0), deploy_id: deploy.to_string() };
        let outcome = match self.cluster.get_build(request).await {
            Ok(build) => match outcome::of_build(&build)? {
                BuildOutcome::Started if self.is_overdue(&build) => self.give_up(deploy).await?,
                BuildOutcome::Started => return Ok(Finding::Underway),
                outcome @ (BuildOutcome::Succeeded { .. }
                | BuildOutcome::Failed { .. }
                | BuildOutcome::Gone) => outcome,
            },
            Err(Error::Refused(reason)) => BuildOutcome::Failed { reason },
            Err(error) => return Err(error),
        };
        Ok(Finding::Report(Command::ReportBuild { deploy, outcome }))
    }

    /// Nobody else ended the build: it is cancelled, and counts as failed whether or not that takes effect.
    async fn give_up(&self, deploy: DeployId) -> Result<BuildOutcome, Error> {
        match self.cluster.stop_build(stop(deploy)).await {
            Ok(_) | Err(Error::Refused(_)) => Ok(BuildOutcome::Failed {
                reason: format!("it did not end within {} s", self.limits.build.as_secs()),
            }),
            Err(error) => Err(error),
        }
    }

    async fn stop_build(&self, deploy: DeployId) -> Result<Finding, Error> {
        let build = match self.cluster.stop_build(stop(deploy)).await {
            Ok(build) => build,
            Err(Error::Refused(reason)) => {
                tracing::warn!(deploy.id = %deploy, reason, "a build cannot be stopped");
                return Ok(Finding::Report(Command::ReportStopped { deploy }));
            }
            Err(error) => return Err(error),
        };
        let runs = outcome::of_build(&build)? == BuildOutcome::Started;
        if runs && !self.is_overdue(&build) {
            return Ok(Finding::Underway);
        }
        if runs {
            tracing::warn!(deploy.id = %deploy, "a build was cancelled and does not end");
        }
        Ok(Finding::Report(Command::ReportStopped { deploy }))
    }

    async fn roll_out(&self, app: &App, write: Write<'_>) -> Result<Option<RolloutOutcome>, Error> {
        let request = RollOutRequest {
            app: Some(message(app)),
            deploy_id: write.deploy.to_string(),
            generation: write.generation,
            image: write.image.to_string(),
            sha: write.sha.to_string(),
        };
        let answer = self.cluster.roll_out(request).await;
        self.rollout_outcome(&write, answer)
    }

    async fn put_back(&self, app: &App, write: Write<'_>) -> Result<Option<RolloutOutcome>, Error> {
        let request = PutBackRequest {
            app: Some(message(app)),
            deploy_id: write.deploy.to_string(),
            generation: write.generation,
            image: write.image.to_string(),
            sha: write.sha.to_string(),
        };
        let answer = self.cluster.put_back(request).await;
        self.rollout_outcome(&write, answer)
    }

    fn rollout_outcome(
        &self,
        write: &Write<'_>,
        answer: Result<Rollout, Error>,
    ) -> Result<Option<RolloutOutcome>, Error> {
        let rollout = match answer {
            Ok(rollout) => rollout,
            Err(Error::Refused(reason)) => return Ok(Some(RolloutOutcome::Failed { reason })),
            Err(error) => return Err(error),
        };
        let (key, limit) = ((write.deploy, write.generation), self.limits.rollout);
        match outcome::of_rollout(&rollout)? {
            None if self.patience.waited(key) > limit => {
                self.patience.forget(key);
                let reason =
                    format!("not complete within {} s: {}", limit.as_secs(), rollout.reason);
                Ok(Some(RolloutOutcome::Failed { reason }))
            }
            None => Ok(None),
            outcome @ Some(_) => {
                self.patience.forget(key);
                Ok(outcome)
            }
        }
    }

    fn is_overdue(&self, build: &Build) -> bool {
        outcome::age(build, Timestamp::now()).is_some_and(|age| age > self.limits.build)
    }
}

fn message(app: &App) -> AppMessage {
    AppMessage {
        app_id: app.id.to_string(),
        name: app.name.clone(),
        tenant_id: app.tenant_id.to_string(),
    }
}

fn stop(deploy: DeployId) -> StopBuildRequest {
    StopBuildRequest { run_name: ids::run_name(deploy.0), deploy_id: deploy.to_string() }
}

#[cfg(test)]
mod tests;

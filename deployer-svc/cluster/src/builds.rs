//! Builds: creates, reads and stops PipelineRuns. Each act may be repeated, and answers how the run is now.

use kube::api::{Patch, PatchParams};
use kube::{Api, Resource as _};
use paas_proto::cluster::{Build, BuildPhase};
use serde_json::json;
use tonic::Status;
use uuid::Uuid;

use crate::FIELD_MANAGER;
use crate::agent::Agent;
use crate::errors::{Failure, redact, taken_name, within};
use crate::pipeline_run::{PipelineRun, order};
use crate::request::{BuildOrder, Label};

/// Ends a run at once. `finally` tasks would only call back, and nobody waits for a build that was stopped.
const CANCELLED: &str = "Cancelled";

impl Agent {
    /// Creates the run, then the Secret that it waits for. What an earlier call created is adopted, what it did not come
    /// to is made up for.
    pub(crate) async fn start(&self, wanted: &BuildOrder) -> Result<Build, Status> {
        let token = self.callback_key().token(wanted.deploy);
        let run = order(self.settings(), wanted, &token);
        let run = match within(self.create(&run)).await {
            Ok(run) => {
                tracing::info!(deploy.id = %wanted.deploy, app.id = %wanted.app.id, run.name = %wanted.run, "started a build");
                run
            }
            Err(Failure::Exists(_)) => {
                let Some(run) = self.find(&wanted.run, wanted.deploy).await? else {
                    return Ok(gone());
                };
                tracing::debug!(deploy.id = %wanted.deploy, run.name = %wanted.run, "found the build that an earlier call started");
                run
            }
            Err(failure) => return Err(failure.into_status(&token)),
        };
        let credential = wanted.credential.as_ref();
        if let Err(failure) = self.hand_over(&run, credential).await {
            if let Failure::Refused(_) | Failure::Taken(_) = failure {
                // It would wait for the Secret until its timeout.
                self.stop(&wanted.run, wanted.deploy).await?;
            }
            return Err(failure.into_status(&token));
        }
        self.take_credential_away(&run).await;
        let build = self.answer(&run, wanted.deploy);
        let reason = credential.map_or_else(|| build.reason.clone(), |it| it.redact(&build.reason));
        Ok(Build { reason, ..build })
    }

    /// Reads the run; one that has ended needs its credential no more.
    pub(crate) async fn read(&self, name: &Label, deploy: Uuid) -> Result<Build, Status> {
        let Some(run) = self.find(name, deploy).await? else { return Ok(gone()) };
        self.take_credential_away(&run).await;
        Ok(self.answer(&run, deploy))
    }

    /// Cancels the run unless it has ended.
    pub(crate) async fn stop(&self, name: &Label, deploy: Uuid) -> Result<Build, Status> {
        let Some(run) = self.find(name, deploy).await? else { return Ok(gone()) };
        if run.is_stopping() {
            self.take_credential_away(&run).await;
            return Ok(self.answer(&run, deploy));
        }
        let patch = Patch::Merge(json!({ "spec": { "status": CANCELLED } }));
        let params =
            PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..Default::default() };
        let name_ = name.to_string();
        match within(self.runs().patch(&name_, &params, &patch)).await {
            Ok(run) => {
                tracing::info!(deploy.id = %deploy, run.name = %name, "stopped a build");
                Ok(self.answer(&run, deploy))
            }
            // It ended or went between our read and our write: Tekton takes no change of a complete run.
            Err(failure @ (Failure::Refused(_) | Failure::Missing(_))) => {
                match self.find(name, deploy).await? {
                    Some(run) if !run.is_stopping() => Err(self.status(failure, deploy)),
                    Some(run) => Ok(self.answer(&run, deploy)),
                    None => Ok(gone()),
                }
            }
            Err(failure) => Err(self.status(failure, deploy)),
        }
    }

    /// The run of this name, if it is this deploy's.
    pub(crate) async fn find(
        &self,
        name: &Label,
        deploy: Uuid,
    ) -> Result<Option<PipelineRun>, Status> {
        let run = within(self.runs().get_opt(&name.to_string())).await;
        let run = run.map_err(|failure| self.status(failure, deploy))?;
        match run {
            Some(run) if run.deploy() != Some(deploy.to_string().as_str()) => {
                Err(taken_name(format!(
                    "the PipelineRun {name} is somebody else's: its label {} is not {deploy}",
                    crate::DEPLOY_ID
                )))
            }
            run => Ok(run),
        }
    }

    /// By hand, because the client's own `create` cannot ask for strict validation: a field that this Tekton does not
    /// know shall be an error, not a warning that nobody reads.
    async fn create(&self, run: &PipelineRun) -> kube::Result<PipelineRun> {
        let path = PipelineRun::url_path(&(), Some(&self.settings().build_namespace));
        let body = serde_json::to_vec(run).map_err(kube::Error::SerdeError)?;
        let request = http::Request::post(format!(
            "{path}?fieldManager={FIELD_MANAGER}&fieldValidation=Strict"
        ))
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(body)
        .map_err(kube::Error::HttpError)?;
        self.client().request(request).await
    }

    pub(crate) fn runs(&self) -> Api<PipelineRun> {
        Api::namespaced(self.client().clone(), &self.settings().build_namespace)
    }

    /// Conditions quote parameters now and then, and one of them is the token.
    fn answer(&self, run: &PipelineRun, deploy: Uuid) -> Build {
        let build = run.build();
        Build { reason: redact(&build.reason, &self.callback_key().token(deploy)), ..build }
    }

    fn status(&self, failure: Failure, deploy: Uuid) -> Status {
        failure.into_status(&self.callback_key().token(deploy))
    }
}

fn gone() -> Build {
    Build {
        phase: BuildPhase::Gone.into(),
        reason: "there is no such PipelineRun".to_owned(),
        ..Build::default()
    }
}

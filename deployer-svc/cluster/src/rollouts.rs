//! Rollouts: reads the Deployment, asks the fence, applies, and reads how it goes. Every write carries the
//! resourceVersion that was read, so nothing comes in between unseen.

use std::fmt::Debug;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource};
use paas_proto::cluster::{Rollout, RolloutPhase};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tonic::Status;

use crate::FIELD_MANAGER;
use crate::agent::Agent;
use crate::errors::{Failure, within};
use crate::fence::{Standing, found, is_to_be_adopted, standing};
use crate::manifests;
use crate::request::{App, Release};
use crate::verdict::{Verdict, judge};

impl Agent {
    /// Puts a release on the app's Deployment, unless a generation as new is there already.
    pub(crate) async fn roll_out(&self, release: &Release) -> Result<Rollout, Status> {
        // Each attempt reads again: whoever wrote in between may have been a newer deploy, and that is the fence's to say.
        let attempts = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(50))
            .with_max_times(4)
            .with_jitter();
        let outcome = (|| self.attempt(release))
            .retry(attempts)
            .when(|failure| matches!(failure, Failure::Stale(_)))
            .await;
        match outcome {
            // Trying again would not help: the deploy has failed, and people are told why.
            Err(failure @ (Failure::Refused(_) | Failure::Taken(_))) => {
                let verdict = Verdict::new(RolloutPhase::Failed, failure.shown(""));
                Ok(answer(verdict, 0))
            }
            outcome => outcome.map_err(Status::from),
        }
    }

    /// Reads how the rollout of a generation goes.
    pub(crate) async fn rollout(&self, app: &App, generation: u64) -> Result<Rollout, Status> {
        let read = within(self.deployments().get_opt(&app.name.to_string())).await?;
        let Some(deployment) = read else {
            return Ok(answer(Verdict::new(RolloutPhase::NotApplied, "there is no Deployment"), 0));
        };
        Ok(match standing(&deployment, app, generation, None) {
            Standing::Same => answer(judge(&deployment), generation),
            Standing::Older(found) => {
                let reason = format!("the Deployment carries generation {found}");
                answer(Verdict::new(RolloutPhase::NotApplied, reason), found)
            }
            Standing::Newer(found) => fenced(found),
            Standing::Foreign(reason) => foreign(&deployment, reason),
        })
    }

    async fn attempt(&self, release: &Release) -> Result<Rollout, Failure> {
        let app = &release.app;
        let read = within(self.deployments().get_opt(&app.name.to_string())).await?;
        let standing = read
            .as_ref()
            .map(|deployment| standing(deployment, app, release.generation, Some(release.deploy)));
        if let (Some(Standing::Foreign(reason)), Some(deployment)) = (&standing, &read) {
            return Ok(foreign(deployment, reason.clone()));
        }
        if let Some(Standing::Newer(found)) = standing {
            return Ok(fenced(found));
        }
        // Before the Deployment: a crash in between then leaves it not applied, and the next attempt finds it so.
        self.ensure(app, &manifests::service(self.settings(), app)).await?;
        self.ensure(app, &manifests::ingress(self.settings(), app)).await?;
        let deployment = match (standing, read) {
            (Some(Standing::Same), Some(deployment)) => deployment,
            (_, read) => self.apply(release, read.as_ref()).await?,
        };
        Ok(answer(judge(&deployment), found(&deployment).unwrap_or_default()))
    }

    async fn apply(
        &self,
        release: &Release,
        current: Option<&Deployment>,
    ) -> Result<Deployment, Failure> {
        let wanted = manifests::deployment(self.settings(), release, current);
        let api = self.deployments();
        let applied = if let Some(current) = current {
            let name = release.app.name.to_string();
            let params = PatchParams::apply(FIELD_MANAGER);
            let params = if is_to_be_adopted(current) { params.force() } else { params };
            within(api.patch(&name, &params, &Patch::Apply(&wanted))).await?
        } else {
            // An apply would also overwrite what a newer deploy made since we looked: only a create is refused then.
            let params = PostParams {
                field_manager: Some(FIELD_MANAGER.to_owned()),
                ..PostParams::default()
            };
            within(api.create(&params, &wanted)).await.map_err(Failure::exists_is_stale)?
        };
        tracing::info!(
            app.id = %release.app.id, deploy.id = %release.deploy,
            deploy.generation = release.generation, deploy.image = %release.image,
            "put an image on the Deployment"
        );
        Ok(applied)
    }

    /// Makes what is missing and leaves alone what is there: people may have changed it.
    async fn ensure<K>(&self, app: &App, wanted: &K) -> Result<(), Failure>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
        K: Clone + Debug + Serialize + DeserializeOwned,
    {
        let api = Api::<K>::namespaced(self.client().clone(), &self.settings().apps_namespace);
        let name = app.name.to_string();
        if within(api.get_opt(&name)).await?.is_none() {
            let params = PatchParams::apply(FIELD_MANAGER);
            within(api.patch(&name, &params, &Patch::Apply(wanted))).await?;
            tracing::info!(app.id = %app.id, kind = %K::kind(&()), "made what the app was missing");
        }
        Ok(())
    }

    pub(crate) fn deployments(&self) -> Api<Deployment> {
        Api::namespaced(self.client().clone(), &self.settings().apps_namespace)
    }
}

fn fenced(found: u64) -> Rollout {
    let reason = format!("the Deployment carries the newer generation {found}");
    answer(Verdict::new(RolloutPhase::Fenced, reason), found)
}

fn foreign(deployment: &Deployment, reason: String) -> Rollout {
    answer(Verdict::new(RolloutPhase::Failed, reason), found(deployment).unwrap_or_default())
}

fn answer(Verdict { phase, reason }: Verdict, found_generation: u64) -> Rollout {
    Rollout { phase: phase.into(), reason, found_generation }
}

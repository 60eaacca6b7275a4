//! Takes an app's objects away. Only what carries the app's own label goes: a name can be taken again by another app.

use std::fmt::Debug;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::networking::v1::Ingress;
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tonic::Status;

use crate::APP_ID;
use crate::agent::Agent;
use crate::errors::{Failure, within};
use crate::request::App;

impl Agent {
    /// Deletes the app's Ingress, Service and Deployment, from the outside in; what is not there is fine.
    pub(crate) async fn take_away(&self, app: &App) -> Result<(), Status> {
        self.delete::<Ingress>(app).await?;
        self.delete::<Service>(app).await?;
        self.delete::<Deployment>(app).await?;
        Ok(())
    }

    async fn delete<K>(&self, app: &App) -> Result<(), Failure>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
        K: Clone + Debug + DeserializeOwned,
    {
        // Each attempt reads again: whoever wrote in between may have made it another app's.
        let attempts = ExponentialBuilder::new()
            .with_min_delay(Duration::from_millis(50))
            .with_max_times(4)
            .with_jitter();
        (|| self.try_delete::<K>(app))
            .retry(attempts)
            .when(|failure| matches!(failure, Failure::Stale(_)))
            .await
    }

    async fn try_delete<K>(&self, app: &App) -> Result<(), Failure>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
        K: Clone + Debug + DeserializeOwned,
    {
        let api = Api::<K>::namespaced(self.client().clone(), &self.settings().apps_namespace);
        let name = app.name.to_string();
        let Some(found) = within(api.get_opt(&name)).await? else { return Ok(()) };
        if found.labels().get(APP_ID) != Some(&app.id.to_string()) {
            tracing::warn!(app.id = %app.id, kind = %K::kind(&()), name, "left what is not the app's");
            return Ok(());
        }
        let found = found.meta();
        let params = DeleteParams::background().preconditions(Preconditions {
            uid: found.uid.clone(),
            resource_version: found.resource_version.clone(),
        });
        match within(api.delete(&name, &params)).await {
            Ok(_) => {
                tracing::info!(app.id = %app.id, kind = %K::kind(&()), "took away what the app had");
                Ok(())
            }
            Err(Failure::Missing(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

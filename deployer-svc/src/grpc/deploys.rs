//! The `Deploys` service: parse, ask the store, answer. The rules are the domain's.

use std::pin::Pin;

use deploy_domain::{Command, DeployId};
use futures_util::Stream;
use paas_proto::{
    deploys::{
        CancelDeployRequest, CancelDeployResponse, DiscardDeadLetterRequest,
        DiscardDeadLetterResponse, GetDeadLetterRequest, GetDeadLetterResponse, GetDeployRequest,
        GetDeployResponse, ListDeadLettersRequest, ListDeadLettersResponse, ListDeploysRequest,
        ListDeploysResponse, ListReleasesRequest, ListReleasesResponse, LogsRequest,
        RedeployRequest, RedeployResponse, RemoveAppRequest, RemoveAppResponse, ReplayRequest,
        ResumeAutoDeployRequest, ResumeAutoDeployResponse, RetryDeadLetterRequest,
        RetryDeadLetterResponse, RollBackRequest, RollBackResponse, WatchDeployRequest,
        WatchDeployResponse, deploys_server::Deploys as Service,
    },
    ids,
};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, metadata::MetadataMap};
use tracing::{Instrument as _, info_span};
use uuid::Uuid;

use super::{errors, logs::Told, messages, repair::Replayed, watch::Watch};
use crate::{
    cluster_port::Cluster,
    logs::Timelines,
    repair::Repair,
    store::{App, DeploySummary, Notifications, PageToken, Store},
};

const DEFAULT_PAGE: u32 = 50;
pub(super) const LARGEST_PAGE: u32 = 200;
/// For the record, when the caller does not say who asks.
const SOMEBODY: &str = "somebody";

/// Answers on the store.
#[derive(Debug, Clone)]
pub(crate) struct Deploys {
    pub(crate) store: Store,
    pub(crate) notifications: Notifications,
    pub(crate) repair: Repair,
    pub(crate) timelines: Timelines,
    pub(crate) cluster: Cluster,
    /// Ends the watches, which would otherwise outlast the shutdown.
    pub(crate) shutdown: CancellationToken,
}

#[tonic::async_trait]
impl Service for Deploys {
    async fn get_deploy(
        &self,
        request: Request<GetDeployRequest>,
    ) -> Result<Response<GetDeployResponse>, Status> {
        let id = messages::id("deploy_id", &request.get_ref().deploy_id)?;
        let deploy = Some(messages::deploy(self.deploy(id).await?));
        Ok(Response::new(GetDeployResponse { deploy }))
    }

    async fn list_deploys(
        &self,
        request: Request<ListDeploysRequest>,
    ) -> Result<Response<ListDeploysResponse>, Status> {
        let request = request.into_inner();
        let app = messages::id("app_id", &request.app_id)?;
        let after = match request.page_token.as_str() {
            "" => None,
            token => Some(token.parse::<PageToken>().map_err(errors::no_page)?),
        };
        let size = page_size(request.page_size);
        self.app(app).await?;
        let page = self.store.deploys(app, size, after.as_ref()).await;
        let (deploys, next) = page.map_err(errors::of_store)?;
        Ok(Response::new(ListDeploysResponse {
            deploys: deploys.into_iter().map(messages::deploy).collect(),
            next_page_token: next.map(|token| token.to_string()).unwrap_or_default(),
        }))
    }

    type WatchDeployStream =
        Pin<Box<dyn Stream<Item = Result<WatchDeployResponse, Status>> + Send>>;

    async fn watch_deploy(
        &self,
        request: Request<WatchDeployRequest>,
    ) -> Result<Response<Self::WatchDeployStream>, Status> {
        let id = messages::id("deploy_id", &request.get_ref().deploy_id)?;
        // Listen first: what happens between the two is then heard, not lost.
        let news = self.notifications.subscribe();
        let told = self.deploy(id).await?;
        let (store, shutdown) = (self.store.clone(), self.shutdown.clone());
        Ok(Response::new(Box::pin(Watch { store, news, shutdown, told }.stream())))
    }

    async fn redeploy(
        &self,
        request: Request<RedeployRequest>,
    ) -> Result<Response<RedeployResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let app = messages::id("app_id", &request.app_id)?;
        let by = or_somebody(messages::name("requested_by", request.requested_by)?);
        let deploy = requested_deploy(app, ids::Request::Redeploy, request.request_id)?;
        self.begin(&metadata, app, deploy, Command::Redeploy { deploy, by }).await?;
        Ok(Response::new(RedeployResponse { deploy_id: deploy.to_string() }))
    }

    async fn cancel_deploy(
        &self,
        request: Request<CancelDeployRequest>,
    ) -> Result<Response<CancelDeployResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let id = messages::id("deploy_id", &request.deploy_id)?;
        let by = messages::name("requested_by", request.requested_by)?;
        let app = self.deploy(id).await?.app;
        let command = Command::Cancel { deploy: DeployId(id), by: or_somebody(by) };
        self.command(&metadata, app, command).await?;
        Ok(Response::new(CancelDeployResponse {}))
    }

    async fn roll_back(
        &self,
        request: Request<RollBackRequest>,
    ) -> Result<Response<RollBackResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let app = messages::id("app_id", &request.app_id)?;
        let to = self.wanted(app, &request).await?;
        let by = or_somebody(messages::name("requested_by", request.requested_by)?);
        let deploy = requested_deploy(app, ids::Request::RollBack, request.request_id)?;
        self.begin(&metadata, app, deploy, Command::RollBack { deploy, to, by }).await?;
        Ok(Response::new(RollBackResponse { deploy_id: deploy.to_string() }))
    }

    async fn resume_auto_deploy(
        &self,
        request: Request<ResumeAutoDeployRequest>,
    ) -> Result<Response<ResumeAutoDeployResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        let app = messages::id("app_id", &request.app_id)?;
        let by = messages::name("requested_by", request.requested_by)?;
        self.command(&metadata, app, Command::Resume { by: or_somebody(by) }).await?;
        Ok(Response::new(ResumeAutoDeployResponse {}))
    }

    async fn list_releases(
        &self,
        request: Request<ListReleasesRequest>,
    ) -> Result<Response<ListReleasesResponse>, Status> {
        Ok(Response::new(self.listed_releases(request.into_inner()).await?))
    }

    type LogsStream = Told;

    async fn logs(
        &self,
        request: Request<LogsRequest>,
    ) -> Result<Response<Self::LogsStream>, Status> {
        Ok(Response::new(self.told(request.into_inner()).await?))
    }

    async fn remove_app(
        &self,
        request: Request<RemoveAppRequest>,
    ) -> Result<Response<RemoveAppResponse>, Status> {
        let RemoveAppRequest { app_id, requested_by } = request.into_inner();
        let app = messages::id("app_id", &app_id)?;
        let by = or_somebody(messages::name("requested_by", requested_by)?);
        self.removed(app, by).await?;
        Ok(Response::new(RemoveAppResponse {}))
    }

    type ReplayStream = Replayed;

    async fn replay(
        &self,
        request: Request<ReplayRequest>,
    ) -> Result<Response<Self::ReplayStream>, Status> {
        Ok(Response::new(self.replayed(request.into_inner()).await?))
    }

    async fn list_dead_letters(
        &self,
        request: Request<ListDeadLettersRequest>,
    ) -> Result<Response<ListDeadLettersResponse>, Status> {
        Ok(Response::new(self.dead_letters(request.into_inner()).await?))
    }

    async fn get_dead_letter(
        &self,
        request: Request<GetDeadLetterRequest>,
    ) -> Result<Response<GetDeadLetterResponse>, Status> {
        Ok(Response::new(self.dead_letter(request.get_ref().id).await?))
    }

    async fn retry_dead_letter(
        &self,
        request: Request<RetryDeadLetterRequest>,
    ) -> Result<Response<RetryDeadLetterResponse>, Status> {
        let (metadata, _, request) = request.into_parts();
        Ok(Response::new(self.retried(&metadata, request).await?))
    }

    async fn discard_dead_letter(
        &self,
        request: Request<DiscardDeadLetterRequest>,
    ) -> Result<Response<DiscardDeadLetterResponse>, Status> {
        let DiscardDeadLetterRequest { id, requested_by } = request.into_inner();
        self.discarded(id, requested_by).await?;
        Ok(Response::new(DiscardDeadLetterResponse {}))
    }
}

impl Deploys {
    pub(super) async fn deploy(&self, id: Uuid) -> Result<DeploySummary, Status> {
        let found = self.store.deploy(id).await.map_err(errors::of_store)?;
        found.ok_or_else(|| errors::no_deploy(id))
    }

    pub(super) async fn app(&self, id: Uuid) -> Result<App, Status> {
        let found = self.store.app(id).await.map_err(errors::of_store)?;
        found.ok_or_else(|| errors::no_app(id))
    }

    /// Begins a deploy that a person asked for. One that is known is the same request again: the line forgets deploys
    /// that have ended, so it cannot tell.
    async fn begin(
        &self,
        metadata: &MetadataMap,
        app: Uuid,
        deploy: DeployId,
        command: Command,
    ) -> Result<(), Status> {
        if self.store.deploy(deploy.0).await.map_err(errors::of_store)?.is_some() {
            return Ok(());
        }
        self.command(metadata, app, command).await?;
        tracing::info!(app.id = %app, deploy.id = %deploy, "a person asked for a deploy");
        Ok(())
    }

    async fn command(
        &self,
        metadata: &MetadataMap,
        app: Uuid,
        command: Command,
    ) -> Result<(), Status> {
        let span = info_span!("deploy.command", app.id = %app);
        let caller = telemetry::traceparent_of_metadata(metadata);
        telemetry::set_parent(&span, caller.as_deref());
        async {
            let traceparent = telemetry::current_traceparent().or(caller);
            let done = self.store.command(app, command, traceparent).await;
            done.map(|_| ()).map_err(errors::of_command)
        }
        .instrument(span)
        .await
    }
}

/// The deploy that a request means; each request without an id is a new one.
fn requested_deploy(app: Uuid, request: ids::Request, id: String) -> Result<DeployId, Status> {
    let id = messages::name("request_id", id)?;
    let id = id.unwrap_or_else(|| Uuid::new_v4().to_string());
    Ok(DeployId(ids::requested_deploy_id(app, request, &id)))
}

/// What one page holds at most.
pub(super) fn page_size(asked: u32) -> u32 {
    if asked == 0 { DEFAULT_PAGE } else { asked.min(LARGEST_PAGE) }
}

pub(super) fn or_somebody(by: Option<String>) -> String {
    by.unwrap_or_else(|| SOMEBODY.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_request_means_the_same_deploy() {
        let app = Uuid::from_u128(1);
        let redeploy = ids::Request::Redeploy;
        let deploy = |id: &str| requested_deploy(app, redeploy, id.to_owned()).unwrap();
        assert_eq!(deploy("r1"), deploy("r1"));
        assert_ne!(deploy("r1"), deploy("r2"));
        assert_ne!(deploy(""), deploy(""), "requests without an id are all different");
    }
}

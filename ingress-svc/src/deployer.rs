//! The deployer's gRPC service, behind which stand deploys and the commands on them.

mod apps;

use std::time::Duration;

use paas_proto::deploys::{
    CancelDeployRequest, Deploy, DiscardDeadLetterRequest, GetDeadLetterRequest,
    GetDeadLetterResponse, GetDeployRequest, ListDeadLettersRequest, ListDeadLettersResponse,
    ListDeploysRequest, ListDeploysResponse, RedeployRequest, ReplayRequest, ReplayResponse,
    ResumeAutoDeployRequest, RetryDeadLetterRequest, RetryDeadLetterResponse, RollBackRequest,
    WatchDeployRequest, WatchDeployResponse, deploys_client::DeploysClient,
};
use secrecy::{ExposeSecret as _, SecretString};
use tonic::{
    Request, Status, Streaming,
    metadata::{Ascii, MetadataValue},
    service::{Interceptor, interceptor::InterceptedService},
    transport::{Channel, Endpoint},
};

const CONNECT_WITHIN: Duration = Duration::from_secs(2);
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A stream may be silent for long: so we ask whether the other end is still there.
const PING_EVERY: Duration = Duration::from_secs(10);
const PONG_WITHIN: Duration = Duration::from_secs(5);
/// What one reader of lines may leave unread; and all of them together, which is more than all can be.
const LOG_STREAM_BYTES: u32 = 64 * 1024;
const LOG_CONNECTION_BYTES: u32 = 64 << 20;

/// A client of the deployer.
#[derive(Clone)]
pub(crate) struct Deployer {
    client: Client,
    /// On a connection of its own: whoever reads lines slowly holds up nobody else's answers.
    logs: Client,
}

type Client = DeploysClient<InterceptedService<Channel, Credentials>>;

/// Adds the token and the trace context to each call.
#[derive(Clone)]
struct Credentials(Option<MetadataValue<Ascii>>);

impl Interceptor for Credentials {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        telemetry::inject_metadata(request.metadata_mut());
        Ok(request)
    }
}

impl Deployer {
    /// Connects when first asked, on the runtime that this is called on.
    pub(crate) fn new(url: &str, token: Option<&SecretString>) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_shared(url.to_owned())?
            .connect_timeout(CONNECT_WITHIN)
            .timeout(ANSWER_WITHIN)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PONG_WITHIN);
        let token = token
            .map(|token| format!("Bearer {}", token.expose_secret()).parse())
            .transpose()
            .map_err(|_| anyhow::anyhow!("DEPLOYER_TOKEN has characters that no header can carry"))?
            .map(|mut token: MetadataValue<Ascii>| {
                token.set_sensitive(true);
                token
            });
        let for_logs = endpoint
            .clone()
            .initial_stream_window_size(LOG_STREAM_BYTES)
            .initial_connection_window_size(LOG_CONNECTION_BYTES);
        let credentials = Credentials(token);
        let client = |endpoint: Endpoint| {
            DeploysClient::with_interceptor(endpoint.connect_lazy(), credentials.clone())
        };
        Ok(Self { client: client(endpoint), logs: client(for_logs) })
    }

    pub(crate) async fn deploy(&self, deploy_id: String) -> Result<Option<Deploy>, Status> {
        let request = GetDeployRequest { deploy_id };
        Ok(self.client.clone().get_deploy(request).await?.into_inner().deploy)
    }

    /// The deploy now and after each change, until it has ended.
    pub(crate) async fn watch(
        &self,
        deploy_id: String,
    ) -> Result<Streaming<WatchDeployResponse>, Status> {
        let request = WatchDeployRequest { deploy_id };
        Ok(self.client.clone().watch_deploy(request).await?.into_inner())
    }

    pub(crate) async fn deploys(
        &self,
        request: ListDeploysRequest,
    ) -> Result<ListDeploysResponse, Status> {
        Ok(self.client.clone().list_deploys(request).await?.into_inner())
    }

    pub(crate) async fn cancel(
        &self,
        deploy_id: String,
        requested_by: String,
    ) -> Result<(), Status> {
        let request = CancelDeployRequest { deploy_id, requested_by };
        self.client.clone().cancel_deploy(request).await.map(drop)
    }

    /// Answers the new deploy's id.
    pub(crate) async fn redeploy(&self, request: RedeployRequest) -> Result<String, Status> {
        Ok(self.client.clone().redeploy(request).await?.into_inner().deploy_id)
    }

    /// Answers the new deploy's id; without a deploy or a release, the release before the live one goes live.
    pub(crate) async fn roll_back(&self, request: RollBackRequest) -> Result<String, Status> {
        Ok(self.client.clone().roll_back(request).await?.into_inner().deploy_id)
    }

    pub(crate) async fn resume(&self, app_id: String, requested_by: String) -> Result<(), Status> {
        let request = ResumeAutoDeployRequest { app_id, requested_by };
        self.client.clone().resume_auto_deploy(request).await.map(drop)
    }

    /// Takes pushes in once more, or tells what that would change.
    pub(crate) async fn replay(
        &self,
        request: ReplayRequest,
    ) -> Result<Streaming<ReplayResponse>, Status> {
        Ok(self.client.clone().replay(request).await?.into_inner())
    }

    pub(crate) async fn dead_letters(
        &self,
        request: ListDeadLettersRequest,
    ) -> Result<ListDeadLettersResponse, Status> {
        Ok(self.client.clone().list_dead_letters(request).await?.into_inner())
    }

    pub(crate) async fn dead_letter(&self, id: u64) -> Result<GetDeadLetterResponse, Status> {
        Ok(self.client.clone().get_dead_letter(GetDeadLetterRequest { id }).await?.into_inner())
    }

    pub(crate) async fn retry_dead_letter(
        &self,
        id: u64,
        requested_by: String,
    ) -> Result<RetryDeadLetterResponse, Status> {
        let request = RetryDeadLetterRequest { id, requested_by };
        Ok(self.client.clone().retry_dead_letter(request).await?.into_inner())
    }

    pub(crate) async fn discard_dead_letter(
        &self,
        id: u64,
        requested_by: String,
    ) -> Result<(), Status> {
        let request = DiscardDeadLetterRequest { id, requested_by };
        self.client.clone().discard_dead_letter(request).await.map(drop)
    }
}

//! The agent itself: the connection to the cluster, and the service's methods, each of which parses, acts and answers.

use std::sync::Arc;

use futures_util::stream::BoxStream;
use kube::{Client, Config};
use paas_proto::callback::CallbackKey;
use paas_proto::cluster::cluster_server::Cluster;
use paas_proto::cluster::{
    GetBuildRequest, GetBuildResponse, GetRolloutRequest, GetRolloutResponse, LogsRequest,
    LogsResponse, PutBackRequest, PutBackResponse, RemoveRequest, RemoveResponse, RollOutRequest,
    RollOutResponse, StartBuildRequest, StartBuildResponse, StopBuildRequest, StopBuildResponse,
    WatchRequest, WatchResponse,
};
use tonic::{Request, Response, Status};
use tracing::{Span, field};
use uuid::Uuid;

use crate::errors::Error;
use crate::logs::LogOrder;
use crate::request::{App, BuildOrder, Label, Release, parse_run, parse_uuid};
use crate::settings::Settings;

/// Builds with Tekton and rolls out on Kubernetes; clones share the connection.
#[derive(Clone)]
pub struct Agent {
    client: Client,
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    callback_key: CallbackKey,
}

impl Agent {
    /// Finds the cluster as `kubectl` would: KUBECONFIG, `~/.kube/config`, or the pod's service account. Does not call
    /// it yet: a cluster that is down now may be up at the first deploy.
    pub async fn connect(settings: &Settings) -> Result<Self, Error> {
        let config = Config::infer().await?;
        let client = Client::try_from(config).map_err(|error| Error::client(&error))?;
        Self::new(client, settings)
    }

    /// An agent on a client that is there already.
    pub fn new(client: Client, settings: &Settings) -> Result<Self, Error> {
        let callback_key = settings.check()?;
        let shared = Shared { settings: settings.clone(), callback_key };
        Ok(Self { client, shared: Arc::new(shared) })
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(crate) fn callback_key(&self) -> &CallbackKey {
        &self.shared.callback_key
    }

    /// Says on the call's span what it is about.
    fn trace_build(&self, run: &Label, deploy: Uuid) {
        Span::current()
            .record("deploy.id", field::display(deploy))
            .record("k8s.namespace.name", self.settings().build_namespace.as_str())
            .record("tekton.pipelinerun.name", field::display(run));
    }

    fn trace_rollout(&self, release: &Release) {
        Span::current()
            .record("app.id", field::display(release.app.id))
            .record("deploy.id", field::display(release.deploy))
            .record("k8s.namespace.name", self.settings().apps_namespace.as_str())
            .record("k8s.deployment.name", field::display(&release.app.name));
    }
}

#[tonic::async_trait]
impl Cluster for Agent {
    async fn start_build(
        &self,
        request: Request<StartBuildRequest>,
    ) -> Result<Response<StartBuildResponse>, Status> {
        let order = BuildOrder::parse(request.into_inner())?;
        self.trace_build(&order.run, order.deploy);
        let build = self.start(&order).await?;
        Ok(Response::new(StartBuildResponse { build: Some(build) }))
    }

    async fn stop_build(
        &self,
        request: Request<StopBuildRequest>,
    ) -> Result<Response<StopBuildResponse>, Status> {
        let StopBuildRequest { run_name, deploy_id } = request.into_inner();
        let (run, deploy) = (parse_run(&run_name)?, parse_uuid("deploy_id", &deploy_id)?);
        self.trace_build(&run, deploy);
        let build = self.stop(&run, deploy).await?;
        Ok(Response::new(StopBuildResponse { build: Some(build) }))
    }

    async fn get_build(
        &self,
        request: Request<GetBuildRequest>,
    ) -> Result<Response<GetBuildResponse>, Status> {
        let GetBuildRequest { run_name, deploy_id } = request.into_inner();
        let (run, deploy) = (parse_run(&run_name)?, parse_uuid("deploy_id", &deploy_id)?);
        self.trace_build(&run, deploy);
        let build = self.read(&run, deploy).await?;
        Ok(Response::new(GetBuildResponse { build: Some(build) }))
    }

    async fn roll_out(
        &self,
        request: Request<RollOutRequest>,
    ) -> Result<Response<RollOutResponse>, Status> {
        let release = Release::parse(request.into_inner())?;
        self.trace_rollout(&release);
        let rollout = Agent::roll_out(self, &release).await?;
        Ok(Response::new(RollOutResponse { rollout: Some(rollout) }))
    }

    async fn get_rollout(
        &self,
        request: Request<GetRolloutRequest>,
    ) -> Result<Response<GetRolloutResponse>, Status> {
        let GetRolloutRequest { app, generation } = request.into_inner();
        let rollout = self.rollout(&App::parse(app)?, generation).await?;
        Ok(Response::new(GetRolloutResponse { rollout: Some(rollout) }))
    }

    async fn put_back(
        &self,
        request: Request<PutBackRequest>,
    ) -> Result<Response<PutBackResponse>, Status> {
        let release = Release::parse_put_back(request.into_inner())?;
        self.trace_rollout(&release);
        let rollout = Agent::roll_out(self, &release).await?;
        Ok(Response::new(PutBackResponse { rollout: Some(rollout) }))
    }

    type LogsStream = BoxStream<'static, Result<LogsResponse, Status>>;

    async fn logs(
        &self,
        request: Request<LogsRequest>,
    ) -> Result<Response<Self::LogsStream>, Status> {
        let order = LogOrder::parse(request.into_inner())?;
        Ok(Response::new(self.lines(order).await?))
    }

    async fn remove(
        &self,
        request: Request<RemoveRequest>,
    ) -> Result<Response<RemoveResponse>, Status> {
        self.take_away(&App::parse(request.into_inner().app)?).await?;
        Ok(Response::new(RemoveResponse {}))
    }

    type WatchStream = BoxStream<'static, Result<WatchResponse, Status>>;

    async fn watch(
        &self,
        _request: Request<WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(self.hints()))
    }
}

//! A fake agent for tests of whoever stands on the port.

use std::sync::{Arc, Mutex};

use futures_util::stream::{self, BoxStream};
use paas_proto::cluster::{
    Build, GetBuildRequest, GetBuildResponse, GetRolloutRequest, GetRolloutResponse,
    PutBackRequest, PutBackResponse, RollOutRequest, RollOutResponse, Rollout, StartBuildRequest,
    StartBuildResponse, StopBuildRequest, StopBuildResponse, WatchRequest, WatchResponse,
    cluster_server,
};
use tonic::{Request, Response, Status};

/// What can never work.
pub(crate) fn refusal(reason: &str) -> Status {
    Status::failed_precondition(reason)
}

/// What may work later: a permission that is missing, and a network that is.
pub(crate) fn passing_trouble() -> [Status; 2] {
    [Status::permission_denied("no"), Status::unavailable("no")]
}

/// Answers what it is told to, and remembers what it was asked.
#[derive(Clone)]
pub(crate) struct Fake {
    build: Result<Build, Status>,
    rollout: Result<Rollout, Status>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    pub(crate) fn building(build: Result<Build, Status>) -> Self {
        Self { build, rollout: Ok(Rollout::default()), asked: Arc::default() }
    }

    pub(crate) fn rolling_out(rollout: Result<Rollout, Status>) -> Self {
        Self { build: Ok(Build::default()), rollout, asked: Arc::default() }
    }

    fn note(&self, call: impl Into<String>) {
        self.asked.lock().unwrap().push(call.into());
    }

    /// The calls so far.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[tonic::async_trait]
impl cluster_server::Cluster for Fake {
    async fn start_build(
        &self,
        request: Request<StartBuildRequest>,
    ) -> Result<Response<StartBuildResponse>, Status> {
        let StartBuildRequest { app, run_name, clone_url, traceparent, .. } = request.into_inner();
        let app = app.unwrap_or_default().name;
        self.note(format!("start {app} {run_name} {clone_url} {traceparent}"));
        let build = Some(self.build.clone()?);
        Ok(Response::new(StartBuildResponse { build }))
    }

    async fn stop_build(
        &self,
        request: Request<StopBuildRequest>,
    ) -> Result<Response<StopBuildResponse>, Status> {
        self.note(format!("stop {}", request.into_inner().run_name));
        let build = Some(self.build.clone()?);
        Ok(Response::new(StopBuildResponse { build }))
    }

    async fn get_build(
        &self,
        request: Request<GetBuildRequest>,
    ) -> Result<Response<GetBuildResponse>, Status> {
        assert!(request.metadata().contains_key("grpc-timeout"), "a call without a deadline");
        self.note(format!("get {}", request.into_inner().run_name));
        let build = Some(self.build.clone()?);
        Ok(Response::new(GetBuildResponse { build }))
    }

    async fn roll_out(
        &self,
        request: Request<RollOutRequest>,
    ) -> Result<Response<RollOutResponse>, Status> {
        self.note(format!("roll out {}", request.into_inner().generation));
        let rollout = Some(self.rollout.clone()?);
        Ok(Response::new(RollOutResponse { rollout }))
    }

    async fn get_rollout(
        &self,
        _: Request<GetRolloutRequest>,
    ) -> Result<Response<GetRolloutResponse>, Status> {
        Err(Status::unimplemented("the runner does not use it"))
    }

    async fn put_back(
        &self,
        request: Request<PutBackRequest>,
    ) -> Result<Response<PutBackResponse>, Status> {
        self.note(format!("put back {}", request.into_inner().generation));
        let rollout = Some(self.rollout.clone()?);
        Ok(Response::new(PutBackResponse { rollout }))
    }

    type LogsStream = BoxStream<'static, Result<paas_proto::cluster::LogsResponse, Status>>;

    async fn logs(
        &self,
        _: Request<paas_proto::cluster::LogsRequest>,
    ) -> Result<Response<Self::LogsStream>, Status> {
        Ok(Response::new(Box::pin(stream::empty())))
    }

    async fn remove(
        &self,
        _: Request<paas_proto::cluster::RemoveRequest>,
    ) -> Result<Response<paas_proto::cluster::RemoveResponse>, Status> {
        Err(Status::unimplemented("the runner does not use it"))
    }

    type WatchStream = BoxStream<'static, Result<WatchResponse, Status>>;

    async fn watch(&self, _: Request<WatchRequest>) -> Result<Response<Self::WatchStream>, Status> {
        Ok(Response::new(Box::pin(stream::empty())))
    }
}

//! The way to a cluster: the generated client of the `Cluster` service, over memory or over the network. The core sees
//! the same type either way, and only two kinds of failure.

mod connect;
#[cfg(test)]
pub(crate) mod fake;
mod tls;

use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use paas_proto::cluster::{
    Build, GetBuildRequest, LogsRequest, LogsResponse, PutBackRequest, RemoveRequest,
    RollOutRequest, Rollout, StartBuildRequest, StopBuildRequest, WatchRequest, WatchResponse,
    cluster_client::ClusterClient, cluster_server::SERVICE_NAME,
};
use tokio::time::timeout;
use tonic::{
    Code, Request, Response, Status, service::interceptor::InterceptedService, transport::Channel,
};
use tracing::Instrument as _;

pub use connect::{AGENT_MESSAGE_BYTES, Outgoing, Settings, in_process, remote};
pub use tls::Tls;

use crate::{
    metrics::{Call, metrics},
    rpc,
};

/// No single call may take longer; the agent's own deadlines are shorter.
pub(crate) const DEADLINE: Duration = Duration::from_secs(15);

/// A failed call, told apart by what the runner does next.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The request can never work: the deploy fails with this reason.
    #[error("{0}")]
    Refused(String),
    /// It may work later: the network, the API server, or a permission that an admin has yet to give.
    #[error("{0}")]
    Transient(String),
}

impl From<Status> for Error {
    fn from(status: Status) -> Self {
        let (code, message) = (status.code(), status.message());
        if matches!(code, Code::InvalidArgument | Code::FailedPrecondition) {
            Self::Refused(message.to_owned())
        } else {
            Self::Transient(format!("{code}: {message}"))
        }
    }
}

/// A client of a cluster's agent. Cheap to clone; connects by itself, and again.
#[derive(Debug, Clone)]
pub struct Cluster {
    client: Client,
    /// On a connection of its own: whoever reads lines slowly holds up nobody else's answers.
    logs: Client,
}

type Client = ClusterClient<InterceptedService<Channel, Outgoing>>;

impl Cluster {
    fn new(channel: Channel, logs: Channel, outgoing: Outgoing) -> Self {
        let client = |channel, outgoing| {
            ClusterClient::with_interceptor(channel, outgoing)
                .max_decoding_message_size(AGENT_MESSAGE_BYTES)
        };
        Self { client: client(channel, outgoing.clone()), logs: client(logs, outgoing) }
    }

    /// Creates the PipelineRun, or finds it.
    pub async fn start_build(&self, message: StartBuildRequest) -> Result<Build, Error> {
        let mut client = self.client.clone();
        let answer = call(Call::StartBuild, client.start_build(request(message))).await?;
        answer.build.ok_or_else(incomplete)
    }

    /// Cancels the PipelineRun.
    pub async fn stop_build(&self, message: StopBuildRequest) -> Result<Build, Error> {
        let mut client = self.client.clone();
        let answer = call(Call::StopBuild, client.stop_build(request(message))).await?;
        answer.build.ok_or_else(incomplete)
    }

    /// Reads the PipelineRun.
    pub async fn get_build(&self, message: GetBuildRequest) -> Result<Build, Error> {
        let mut client = self.client.clone();
        let answer = call(Call::GetBuild, client.get_build(request(message))).await?;
        answer.build.ok_or_else(incomplete)
    }

    /// Puts an image on the app's Deployment, and reads how that goes.
    pub async fn roll_out(&self, message: RollOutRequest) -> Result<Rollout, Error> {
        let mut client = self.client.clone();
        let answer = call(Call::RollOut, client.roll_out(request(message))).await?;
        answer.rollout.ok_or_else(incomplete)
    }

    /// Puts the last live image back, and reads how that goes.
    pub async fn put_back(&self, message: PutBackRequest) -> Result<Rollout, Error> {
        let mut client = self.client.clone();
        let answer = call(Call::PutBack, client.put_back(request(message))).await?;
        answer.rollout.ok_or_else(incomplete)
    }

    /// Lines of a build's steps or of an app's pods, for as long as the stream lasts.
    pub async fn logs(
        &self,
        message: LogsRequest,
    ) -> Result<impl Stream<Item = Result<LogsResponse, Error>> + Send + use<>, Error> {
        let mut client = self.logs.clone();
        // The stream may last; its beginning may not.
        let answer = timeout(DEADLINE, client.logs(message));
        let answer = async { answer.await.unwrap_or_else(|_| Err(late())) };
        let lines = call(Call::Logs, answer).await?;
        Ok(lines.map(|line| line.map_err(Error::from)))
    }

    /// Deletes the app's objects.
    pub async fn remove(&self, message: RemoveRequest) -> Result<(), Error> {
        let mut client = self.client.clone();
        call(Call::Remove, client.remove(request(message))).await.map(drop)
    }

    /// Hints of what moved, for as long as the stream lasts.
    pub async fn watch(
        &self,
    ) -> Result<impl Stream<Item = Result<WatchResponse, Error>> + use<>, Error> {
        let mut client = self.client.clone();
        let hints = call(Call::Watch, client.watch(WatchRequest {})).await?;
        Ok(hints.map(|hint| hint.map_err(Error::from)))
    }
}

/// Measured, and a span of its own.
async fn call<T>(
    call: Call,
    answer: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Error> {
    let span = rpc::client_span(SERVICE_NAME, call.method());
    let answered = async {
        let answer = answer.await;
        rpc::note(answer.as_ref().map_or_else(Status::code, |_| Code::Ok), answer.is_err());
        Ok(answer?.into_inner())
    };
    metrics().calling(call, answered.instrument(span)).await
}

/// The deadline holds on both ends: the client stops waiting, the agent stops working.
fn request<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(DEADLINE);
    request
}

fn late() -> Status {
    Status::deadline_exceeded("the cluster agent did not answer in time")
}

fn incomplete() -> Error {
    Error::Transient("the cluster agent gave an empty answer".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_can_never_work_is_refused() {
        for code in [Code::InvalidArgument, Code::FailedPrecondition] {
            assert_eq!(Error::from(Status::new(code, "no")), Error::Refused("no".to_owned()));
        }
        for code in [
            Code::Unavailable,
            Code::DeadlineExceeded,
            Code::Cancelled,
            Code::PermissionDenied,
            Code::Unauthenticated,
            Code::Unimplemented,
            Code::Internal,
            Code::Unknown,
        ] {
            assert!(matches!(Error::from(Status::new(code, "")), Error::Transient(_)), "{code}");
        }
    }
}

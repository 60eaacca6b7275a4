//! Two ways to an agent: in this process over pipes in memory, or at an address. Both are gRPC over HTTP/2, so nothing
//! behaves differently when an agent moves to its own cluster.

use std::{io, time::Duration};

use anyhow::{Context as _, ensure};
use hyper_util::rt::TokioIo;
use paas_proto::cluster::cluster_server::{Cluster as Agent, ClusterServer};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{io::DuplexStream, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Request, Status,
    metadata::{Ascii, MetadataValue},
    service::Interceptor,
    transport::{Channel, Endpoint, Server},
};

use super::{Cluster, tls::Tls};
use crate::rpc;

/// The largest message either side takes: answers are small.
pub const AGENT_MESSAGE_BYTES: usize = 1 << 20;
const PIPE_BYTES: usize = 256 * 1024;
/// What one reader of lines may leave unread; and all of them together, which is more than all can be.
const LOG_STREAM_BYTES: u32 = 64 * 1024;
const LOG_CONNECTION_BYTES: u32 = 64 << 20;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Where the agent of the cluster is.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// URL of a `deployer-svc cluster-agent` to drive the cluster through; the agent runs in this process when unset
    #[arg(long, env)]
    pub cluster_agent_url: Option<String>,
    /// Token that `deployer-svc cluster-agent` and its callers share
    #[arg(long, env, hide_env_values = true)]
    pub cluster_agent_token: Option<SecretString>,
    /// This side's and the other side's certificates.
    #[command(flatten)]
    pub tls: Tls,
}

/// Adds to each call the trace that it belongs to and the token.
#[derive(Debug, Clone, Default)]
pub struct Outgoing {
    authorization: Option<MetadataValue<Ascii>>,
}

impl Outgoing {
    fn with_token(token: &SecretString) -> anyhow::Result<Self> {
        let bearer = format!("Bearer {}", token.expose_secret());
        let mut value: MetadataValue<Ascii> = bearer
            .parse()
            .ok()
            .context("CLUSTER_AGENT_TOKEN has characters a header cannot have")?;
        value.set_sensitive(true);
        Ok(Self { authorization: Some(value) })
    }
}

impl Interceptor for Outgoing {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        telemetry::inject_metadata(request.metadata_mut());
        if let Some(value) = &self.authorization {
            request.metadata_mut().insert("authorization", value.clone());
        }
        Ok(request)
    }
}

/// A client of an agent in this process, and the server behind it: a future that ends when no client is left.
pub fn in_process<A: Agent>(
    agent: A,
) -> (Cluster, impl Future<Output = Result<(), tonic::transport::Error>> + Send) {
    let (pipes, incoming) = mpsc::channel::<io::Result<DuplexStream>>(1);
    let service = ClusterServer::new(agent).max_decoding_message_size(AGENT_MESSAGE_BYTES);
    let server = Server::builder()
        .trace_fn(rpc::server_span)
        .add_service(service)
        .serve_with_incoming(ReceiverStream::new(incoming));
    let connector = tower::service_fn(move |_| {
        let pipes = pipes.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(PIPE_BYTES);
            let closed = |_| io::Error::from(io::ErrorKind::ConnectionRefused);
            pipes.send(Ok(theirs)).await.map_err(closed)?;
            io::Result::Ok(TokioIo::new(ours))
        }
    });
    let endpoint = Endpoint::from_static("http://in-process");
    let logs = for_logs(endpoint.clone()).connect_with_connector_lazy(connector.clone());
    let channel = endpoint.connect_with_connector_lazy(connector);
    (Cluster::new(channel, logs, Outgoing::default()), server)
}

/// A client of the agent at an address. Nothing is sent in plaintext that others could use.
pub fn remote(url: &str, settings: &Settings) -> anyhow::Result<Cluster> {
    let endpoint = Endpoint::from_shared(url.to_owned())
        .context("CLUSTER_AGENT_URL is not a URL such as https://agent.example.com:9443")?;
    let secure = endpoint.uri().scheme_str() == Some("https");
    let host = endpoint.uri().host().unwrap_or_default().to_owned();
    ensure!(
        secure || is_loopback(&host),
        "CLUSTER_AGENT_URL must be https: only an agent on this machine may be reached in plaintext"
    );
    let endpoint = if secure { endpoint.tls_config(settings.tls.of_client()?)? } else { endpoint };
    let outgoing = match &settings.cluster_agent_token {
        Some(token) => Outgoing::with_token(token)?,
        None => Outgoing::default(),
    };
    let logs = lazily(for_logs(endpoint.clone()));
    Ok(Cluster::new(lazily(endpoint), logs, outgoing))
}

/// Each reader has its share of the connection, so that none has another's.
fn for_logs(endpoint: Endpoint) -> Endpoint {
    endpoint
        .initial_stream_window_size(LOG_STREAM_BYTES)
        .initial_connection_window_size(LOG_CONNECTION_BYTES)
}

fn lazily(endpoint: Endpoint) -> Channel {
    endpoint
        .connect_timeout(CONNECT_TIMEOUT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEPALIVE)
        .keep_alive_timeout(CONNECT_TIMEOUT)
        .keep_alive_while_idle(true)
        .connect_lazy()
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        let tls = Tls::default();
        Settings { cluster_agent_url: None, cluster_agent_token: Some("secret".into()), tls }
    }

    #[tokio::test]
    async fn an_agent_elsewhere_is_never_called_in_plaintext() {
        assert!(remote("http://127.0.0.1:9443", &settings()).is_ok());
        assert!(remote("http://[::1]:9443", &settings()).is_ok());
        let refused = remote("http://agent.example.com:9443", &settings()).unwrap_err();
        assert!(refused.to_string().contains("must be https"), "{refused}");
    }

    #[test]
    fn the_token_goes_along_and_never_shows_itself() {
        let mut outgoing = Outgoing::with_token(&"secret".into()).unwrap();
        let request = outgoing.call(Request::new(())).unwrap();
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer secret");
        assert!(!format!("{outgoing:?} {request:?}").contains("secret"));
        assert!(Outgoing::with_token(&"line\nbreak".into()).is_err());
    }
}

//! `deployer-svc cluster-agent`: serves a cluster to a deployer elsewhere, so that one control plane drives many.

use std::net::SocketAddr;

use anyhow::Context as _;
use cluster_agent::Agent;
use paas_proto::cluster::cluster_server::ClusterServer;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::{Routes, interceptor::InterceptedService},
    transport::server::TcpIncoming,
};
use tonic_health::server::health_reporter;

use crate::{
    cluster_port::{AGENT_MESSAGE_BYTES, Tls},
    grpc::{self, Readiness, auth, http},
};

const REMEDY: &str =
    "set CLUSTER_AGENT_TOKEN, or CLUSTER_AGENT_CERT, CLUSTER_AGENT_KEY and CLUSTER_AGENT_CA";
const NEEDS_TLS: &str = "set CLUSTER_AGENT_CERT and CLUSTER_AGENT_KEY";

/// Settings of `cluster-agent`.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address to serve the cluster at
    #[arg(long, env = "CLUSTER_AGENT_LISTEN", default_value = "127.0.0.1:9443")]
    pub listen: SocketAddr,
    /// Token that callers have to show
    #[arg(long, env, hide_env_values = true)]
    pub cluster_agent_token: Option<SecretString>,
    /// The agent's certificate, and the authority of its callers'.
    #[command(flatten)]
    pub tls: Tls,
    /// The cluster.
    #[command(flatten)]
    pub agent: cluster_agent::Settings,
}

/// Serves until the shutdown. Other machines are served over TLS only, and only when they say who they are.
pub async fn serve(
    args: Args,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let address = listener.local_addr()?;
    let token = args.cluster_agent_token.as_ref();
    auth::ensure_not_empty(token, "CLUSTER_AGENT_TOKEN")?;
    let tls = args.tls.of_server()?;
    auth::ensure_guarded(address, tls.is_some(), NEEDS_TLS)?;
    auth::ensure_guarded(address, token.is_some() || args.tls.is_mutual(), REMEDY)?;
    let agent = Agent::connect(&args.agent).await?;
    let (reporter, health) = health_reporter();
    let cluster = ClusterServer::new(agent).max_decoding_message_size(AGENT_MESSAGE_BYTES);
    let cluster = InterceptedService::new(cluster, auth::Bearer::new(token));
    reporter.set_serving::<ClusterServer<Agent>>().await;
    let mut server = grpc::server();
    if let Some(tls) = tls {
        server = server.tls_config(tls).context("the agent's certificates cannot be used")?;
    }
    let readiness = Readiness::default();
    readiness.set(true);
    let drained = readiness.clone();
    let stopping = shutdown.clone();
    tokio::spawn(async move {
        stopping.cancelled().await;
        drained.set(false);
    });
    tracing::info!(%address, "serving the cluster");
    let services = http::routes(Routes::new(health).add_service(cluster), readiness);
    let serving = server.add_routes(services).serve_with_incoming_shutdown(
        TcpIncoming::from(listener).with_nodelay(Some(true)),
        shutdown.clone().cancelled_owned(),
    );
    grpc::until_drained(serving, shutdown).await
}

//! `deployer-svc health`: asks the deployer of this machine how it is.

use std::net::SocketAddr;

/// Whom to ask, and what.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address of the gRPC API
    #[arg(long, env, default_value = "127.0.0.1:9090")]
    grpc_address: SocketAddr,
    /// Whether database and broker answer it, not only whether it lives
    #[arg(long)]
    ready: bool,
}

/// An error unless the answer is good.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    telemetry::health::ask(args.grpc_address, args.ready).await
}

//! `ingress-svc health`: asks the ingress of this machine how it is.

use std::net::SocketAddr;

/// Whom to ask, and what.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// Address that the service listens on
    #[arg(long, env, default_value = "127.0.0.1:8080")]
    listen_address: SocketAddr,
    /// Whether it accepts deliveries, not only whether it lives
    #[arg(long)]
    ready: bool,
}

/// An error unless the answer is good.
pub async fn run(args: &Args) -> anyhow::Result<()> {
    telemetry::health::ask(args.listen_address, args.ready).await
}

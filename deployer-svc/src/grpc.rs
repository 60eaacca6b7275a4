//! The deployer's gRPC server: `Deploys` for whoever knows the token, health for everybody. The files of this folder
//! and the port to the cluster are the only ones that know gRPC's codes.

pub(crate) mod auth;
mod deploys;
mod errors;
mod health;
pub(crate) mod http;
mod logs;
mod messages;
mod releases;
mod repair;
mod watch;

use std::time::Duration;

use anyhow::Context as _;
use paas_proto::deploys::deploys_server::DeploysServer;
use secrecy::SecretString;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::{
    service::{Routes, interceptor::InterceptedService},
    transport::{Server, server::TcpIncoming},
};
use tonic_health::server::HealthReporter;

pub(crate) use deploys::Deploys;
pub(crate) use health::Health;
pub(crate) use http::Readiness;

use crate::rpc;

/// Requests are ids and names.
const REQUEST_BYTES: usize = 64 * 1024;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
const KEEPALIVE: Duration = Duration::from_secs(20);
/// What open calls get to end after the shutdown: watches end by themselves, those of health never.
const GOODBYE: Duration = Duration::from_secs(3);

/// Server settings that all services share.
pub(crate) fn server() -> Server {
    Server::builder()
        .timeout(REQUEST_TIMEOUT)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(REQUEST_TIMEOUT))
        .max_concurrent_streams(512)
        .trace_fn(rpc::server_span)
        // For /metrics and health: a client of gRPC speaks HTTP/2.
        .accept_http1(true)
}

/// Serves until the shutdown. Health starts as "not serving".
pub(crate) async fn serve(
    listener: TcpListener,
    deploys: Deploys,
    token: Option<SecretString>,
    reporter: HealthReporter,
    readiness: Readiness,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    health::report(&reporter, false).await;
    let health = tonic_health::pb::health_server::HealthServer::new(
        tonic_health::server::HealthService::from_health_reporter(reporter),
    );
    let bearer = auth::Bearer::new(token.as_ref());
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(paas_proto::FILE_DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("the protocol's descriptors cannot be served")?;
    let deploys = DeploysServer::new(deploys).max_decoding_message_size(REQUEST_BYTES);
    let services = Routes::new(health)
        .add_service(InterceptedService::new(reflection, bearer.clone()))
        .add_service(InterceptedService::new(deploys, bearer));
    let serving =
        server().add_routes(http::routes(services, readiness)).serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            shutdown.clone().cancelled_owned(),
        );
    until_drained(serving, shutdown).await
}

/// Runs a server until it has ended, or has had its time to after the shutdown: some streams never end by themselves.
pub(crate) async fn until_drained(
    serving: impl Future<Output = Result<(), tonic::transport::Error>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let late = async {
        shutdown.cancelled().await;
        tokio::time::sleep(GOODBYE).await;
    };
    tokio::select! {
        served = serving => served.context("the gRPC server ended"),
        () = late => Ok(()),
    }
}

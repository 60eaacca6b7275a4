//! The ingress: receives the providers' webhooks, verifies them, and publishes pushes to JetStream before it answers.
//!
//! # Layout
//!
//! A delivery passes `webhooks` → `receive` (its bytes) → `store` (one read) → `verify` (authenticity) → `delivery`
//! (what it says) → `intake` (`verdict`: what becomes of it) → `publish`, and is noted in the `ledger`. `callbacks`
//! takes word of builds, `manage` is the management API, `health` the probes. `error` alone knows status codes, `store`
//! alone SQL. Everything is wired here.

mod access;
mod callbacks;
mod client;
mod clone_credentials;
mod config;
mod connections;
mod delivery;
mod deployer;
mod duty;
mod error;
mod exchange;
pub mod failpoints;
mod failures;
mod filters;
mod git_health;
mod health;
mod hooks;
mod idempotency;
mod intake;
mod ledger;
mod manage;
mod metrics;
mod openapi;
pub mod probe;
mod providers;
mod publish;
mod receive;
pub mod reseal;
mod secrets;
mod server;
mod shared_lookups;
mod statuses;
mod store;
mod sweep;
mod time;
mod token;
mod verdict;
mod verify;
mod webhooks;

use std::{
    net::TcpListener,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use actix_web::web;
use anyhow::Context as _;
use tokio::runtime::Handle;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

pub use access::list as routes;
pub use client::TrustedProxies;
pub use config::{Config, GitConfig};

/// What every request shares.
struct Ingress {
    config: Config,
    keys: config::Keys,
    store: store::Store,
    connections: connections::Connections,
    publisher: publish::Publisher,
    deployer: deployer::Deployer,
    monitor: health::Monitor,
    bodies: receive::Budget,
    failures: failures::Failures,
    shared_lookups: shared_lookups::SharedLookups,
    metrics: metrics::Metrics,
    ledger: ledger::Ledger,
    draining: AtomicBool,
    /// Ends what would otherwise go on for as long as its caller likes.
    stopping: CancellationToken,
}

impl Ingress {
    /// Connects to nothing yet: a service that starts before its database waits for it, and is not ready.
    async fn new(config: Config) -> anyhow::Result<Self> {
        let keys = config.keys()?;
        let prefix = config.stream_prefix.clone();
        let meter = telemetry::Meter::of("ingress-svc");
        let (url, connections) = (&config.database_url, config.database_pool_size);
        let store = store::Store::new(url, connections, Handle::current(), &meter)?;
        let publisher = publish::Publisher::connect(&config.nats_url, prefix).await?;
        let bodies = receive::Budget::new(config.max_body_bytes_in_flight);
        let broker = publisher.clone();
        let metrics = metrics::Metrics::new(&meter, &bodies, move || broker.is_connected());
        let secrets = keys.secrets.clone();
        let connections = connections::Connections::new(&config, store.clone(), secrets)?;
        Ok(Self {
            keys,
            connections,
            shared_lookups: shared_lookups::SharedLookups::new(store.clone()),
            ledger: ledger::Ledger::new(&store, config.deliveries_kept_days, metrics.ledger_rows()),
            store,
            publisher,
            bodies,
            metrics,
            failures: failures::Failures::new(
                config.rate_limit_per_address,
                config.rate_limit_per_app,
            ),
            deployer: deployer::Deployer::new(
                &config.deployer_url,
                config::given(config.deployer_token.as_ref()),
            )?,
            monitor: health::Monitor::new(config.nats_monitor_url.as_deref())?,
            draining: AtomicBool::new(false),
            stopping: CancellationToken::new(),
            config,
        })
    }

    fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }
}

/// Serves on the listener until `shutdown`; then says so at `/readyz` and goes on for the drain period, so that load
/// balancers notice; and then lets the requests underway finish within the grace period.
///
/// Call it on a multi-threaded runtime: database and broker connections live there, away from the HTTP workers. A TLS
/// provider must be installed (`rustls::crypto::ring`).
pub async fn run(
    config: Config,
    listener: TcpListener,
    shutdown: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let (drain_seconds, grace_seconds) = (config.drain_seconds, config.shutdown_grace_seconds);
    let address = listener.local_addr().context("the listener has no address")?;
    let ingress = web::Data::new(Ingress::new(config).await?);
    let server = server::serve(ingress.clone(), listener)?;
    let handle = server.handle();
    let mut serving = tokio::spawn(server);
    let _watch = AbortOnDropHandle::new(tokio::spawn(health::watch(ingress.clone())));
    let _prune = AbortOnDropHandle::new(tokio::spawn(idempotency::prune(ingress.store.clone())));
    let _statuses = AbortOnDropHandle::new(tokio::spawn(statuses::run(ingress.clone())));
    let sweeping = AbortOnDropHandle::new(tokio::spawn(sweep::run(ingress.clone())));
    tracing::info!(%address, "listening");
    tokio::select! {
        ended = &mut serving => {
            ended??;
            anyhow::bail!("the HTTP server ended by itself");
        }
        () = shutdown => {}
    }
    ingress.draining.store(true, Ordering::Relaxed);
    tracing::info!(drain_seconds, grace_seconds, "draining");
    tokio::time::sleep(Duration::from_secs(drain_seconds)).await;
    ingress.stopping.cancel();
    let began = Instant::now();
    handle.stop(true).await;
    if began.elapsed() >= Duration::from_secs(grace_seconds) {
        tracing::warn!(
            grace_seconds,
            "requests were cut off: they did not finish within the grace period"
        );
    }
    serving.await??;
    sweeping.await?;
    ingress.ledger.close().await;
    tracing::info!("stopped");
    Ok(())
}

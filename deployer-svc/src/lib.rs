//! The deployer: takes pushes in, decides, builds and rolls out, and records every step.
//!
//! This file is the composition root: `serve` makes every part, hands each what it needs, keeps them running and brings
//! them to an end. The parts:
//!
//! - `intake` (JetStream → store), `runner` (store → cluster), `relay` (store → JetStream), `wake` (cluster → store)
//!   and `grpc` (people → store) do not know one another; they meet in the line `store`.
//! - `clone_credentials` asks the ingress with what to clone, `cluster_port` is the way to a cluster, `agent` serves one to a deployer elsewhere.
//! - `schema`, `streams`, `rebuild` and `doctor` are for the other subcommands; `config` lists all settings.

pub mod agent;
mod backoff;
pub mod broker;
pub mod clone_credentials;
pub mod cluster_port;
pub mod config;
pub mod doctor;
pub mod failpoints;
mod grpc;
mod inbound;
pub mod intake;
mod logs;
mod metrics;
pub mod probe;
pub mod rebuild;
pub mod relay;
mod removal;
pub mod repair;
mod rpc;
pub mod runner;
pub mod schema;
pub mod signals;
mod startup;
pub mod store;
pub mod streams;
mod supervise;
mod wake;

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use cluster_agent::Agent;
use futures_util::{
    FutureExt as _,
    future::{self, BoxFuture},
};
use tokio::{
    net::TcpListener,
    task::{JoinError, JoinSet},
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use tonic_health::server::HealthReporter;

use broker::Monitor;
use clone_credentials::CloneCredentials;
use cluster_port::Cluster;
use config::{Migrate, Rebuild, Republish, Serve};
use grpc::{Deploys, Health, Readiness, auth};
use logs::{Keeper, Timelines};
use metrics::Gauges;
use repair::Repair;
use runner::Runner;
use store::{Notifications, Store};
use supervise::keep;

/// Runs the deployer until the shutdown, then finishes what is in hand. An error is what keeps it from starting or
/// makes it unable to go on: whoever started it should start it again.
pub async fn serve(
    config: Serve,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (address, token) = (listener.local_addr()?, config.deployer_token.clone());
    auth::ensure_not_empty(token.as_ref(), "DEPLOYER_TOKEN")?;
    auth::ensure_guarded(address, token.is_some(), "set DEPLOYER_TOKEN")?;
    let (cluster, agent) = cluster(&config).await?;
    let broker = broker::connect(&config.broker, "deployer-svc").await?;
    let Some(store) = startup::store(&config.store, &shutdown).await? else { return Ok(()) };
    let notifications = Notifications::listen(&store, shutdown.clone());
    let (reporter, readiness) = (HealthReporter::new(), Readiness::default());
    let monitor = config.nats_monitor_url.as_deref().filter(|url| !url.is_empty());
    let monitor = monitor.map(Monitor::new).transpose()?;
    let credentials = CloneCredentials::new(&config.clone_credentials, &config.agent.callback_key)?;

    // It outlives the work: steps in hand at the shutdown still need it.
    let mut agent = AbortOnDropHandle::new(tokio::spawn(agent));
    let mut work = JoinSet::new();
    let deploys = Deploys {
        store: store.clone(),
        notifications: notifications.clone(),
        repair: Repair::new(
            store.clone(),
            broker::jetstream(&broker),
            config.broker.stream_prefix.clone(),
            shutdown.clone(),
        ),
        timelines: Timelines::new(
            store.clone(),
            notifications.clone(),
            cluster.clone(),
            shutdown.clone(),
        ),
        cluster: cluster.clone(),
        shutdown: shutdown.clone(),
    };
    let serving = grpc::serve(
        listener,
        deploys,
        token,
        reporter.clone(),
        readiness.clone(),
        shutdown.clone(),
    );
    work.spawn(serving);
    Parts {
        config: &config,
        store,
        notifications,
        broker,
        monitor,
        cluster,
        credentials,
        reporter,
        readiness,
    }
    .start(&mut work, &shutdown);
    tracing::info!(%address, "serving");

    let ended = tokio::select! {
        () = shutdown.cancelled() => Ok(()),
        Some(ended) = work.join_next() => because(ended),
        ended = &mut agent => because(ended),
    };
    // At the shutdown parts end, perhaps before it is seen here, and that is no fault of theirs.
    let ended = if shutdown.is_cancelled() { Ok(()) } else { ended };
    shutdown.cancel();
    tracing::info!("shutting down: finishing what is in hand");
    let drained = async { while work.join_next().await.is_some() {} };
    if timeout(config.grace(), drained).await.is_err() {
        tracing::error!(
            grace_seconds = config.shutdown_grace_seconds,
            "not all work ended in time; its leases run out by themselves"
        );
    }
    ended
}

/// Brings the tables and the streams up to date.
pub async fn migrate(config: &Migrate) -> anyhow::Result<()> {
    schema::migrate(&config.store).await?;
    store::grant(&config.store, &config.roles).await?;
    let broker = broker::connect(&config.broker, "deployer-svc migrate").await?;
    let jetstream = broker::jetstream(&broker);
    streams::ensure(&jetstream, &config.broker.stream_prefix, config.streams.limits()).await?;
    tracing::info!("tables and streams are up to date");
    Ok(())
}

/// Compares the recorded states with the recorded events; fails when one differs and was not written anew.
pub async fn rebuild(config: &Rebuild) -> anyhow::Result<ExitCode> {
    let store = Store::connect(&config.store).await?;
    schema::check(&store).await?;
    let same = rebuild::run(&store, &config.lines).await?;
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Publishes what the stream DEPLOYS lacks of the log; fails when the broker withholds some of it.
pub async fn republish(config: &Republish) -> anyhow::Result<ExitCode> {
    let store = Store::connect(&config.store).await?;
    schema::check(&store).await?;
    let jetstream = broker::jetstream(&broker::connect(&config.broker, "deployer-svc").await?);
    let (prefix, limits) = (&config.broker.stream_prefix, config.streams.limits());
    let whole = repair::republish::run(&store, &jetstream, prefix, limits, &config.events).await?;
    Ok(if whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The cluster's agent, in this process or elsewhere, and what has to run for it.
async fn cluster(config: &Serve) -> anyhow::Result<(Cluster, BoxFuture<'static, Ended>)> {
    if let Some(url) = &config.cluster.cluster_agent_url {
        let cluster = cluster_port::remote(url, &config.cluster)?;
        return Ok((cluster, future::pending().boxed()));
    }
    let agent = Agent::connect(&config.agent).await?;
    let (cluster, server) = cluster_port::in_process(agent);
    let server = async { server.await.context("the cluster agent failed") };
    Ok((cluster, server.boxed()))
}

type Ended = anyhow::Result<()>;

/// What the parts are made of.
struct Parts<'a> {
    config: &'a Serve,
    store: Store,
    notifications: Notifications,
    broker: async_nats::Client,
    monitor: Option<Monitor>,
    cluster: Cluster,
    credentials: CloneCredentials,
    reporter: HealthReporter,
    readiness: Readiness,
}

impl Parts<'_> {
    /// Starts every part; one that ends or panics is brought back.
    fn start(self, work: &mut JoinSet<Ended>, shutdown: &CancellationToken) {
        let Self {
            config,
            store,
            notifications,
            broker,
            monitor,
            cluster,
            credentials,
            reporter,
            readiness,
        } = self;
        let prefix = config.broker.stream_prefix.clone();
        let jetstream = broker::jetstream(&broker);
        let limits = config.streams.limits();

        let gauges = Gauges::new(store.clone(), jetstream.clone(), prefix.clone(), monitor);
        work.spawn(keep("gauges", shutdown, move |shutdown| gauges.clone().run(shutdown)));
        let health = Health {
            reporter,
            readiness,
            store: store.clone(),
            broker,
            prefix: prefix.clone(),
            limits,
        };
        work.spawn(keep("health", shutdown, move |shutdown| health.clone().run(shutdown)));
        let runner = Runner::new(
            store.clone(),
            notifications.clone(),
            cluster.clone(),
            credentials,
            config.limits(),
        );
        work.spawn(keep("runner", shutdown, move |shutdown| runner.clone().run(shutdown)));
        let keeper = Keeper::new(store.clone(), notifications.clone(), cluster.clone());
        work.spawn(keep("build logs", shutdown, move |shutdown| keeper.clone().run(shutdown)));
        let removed = (store.clone(), cluster.clone());
        work.spawn(keep("removal", shutdown, move |shutdown| {
            let (store, cluster) = removed.clone();
            removal::run(store, cluster, shutdown).map(Ok)
        }));
        let woken = store.clone();
        work.spawn(keep("wake", shutdown, move |shutdown| {
            wake::run(woken.clone(), cluster.clone(), shutdown)
        }));
        let taken_in = (store.clone(), jetstream.clone(), prefix.clone());
        let settings = config.intake;
        work.spawn(keep("intake", shutdown, move |shutdown| {
            let (store, jetstream, prefix) = taken_in.clone();
            intake::run(store, jetstream, prefix, limits, settings, shutdown).map(Ok)
        }));
        let pruned = (store.clone(), jetstream.clone(), prefix.clone());
        let logs_kept = config.logs.kept();
        work.spawn(keep("prune", shutdown, move |shutdown| {
            let (store, jetstream, prefix) = pruned.clone();
            repair::prune(store, jetstream, prefix, logs_kept, shutdown).map(Ok)
        }));
        work.spawn(keep("relay", shutdown, move |shutdown| {
            let (store, notifications) = (store.clone(), notifications.clone());
            let (jetstream, prefix) = (jetstream.clone(), prefix.clone());
            relay::run(store, notifications, jetstream, prefix, limits, shutdown).map(Ok)
        }));
    }
}

fn because(ended: Result<Ended, JoinError>) -> Ended {
    ended.context("a part of the deployer failed by a mistake")??;
    bail!("a part of the deployer ended by itself")
}

//! Whether the process lives, and whether it can accept deliveries; and plainly whether the broker would survive a
//! power loss.

use std::time::Duration;

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{Ingress, error};

const CHECK_WITHIN: Duration = Duration::from_secs(2);
const WATCH_EVERY: Duration = Duration::from_secs(10);

/// The process answers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alive {
    status: &'static str,
}

/// What deliveries need, one by one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    /// `ready` or `not ready`.
    status: &'static str,
    checks: Checks,
    /// Whether the broker writes to disk before it acknowledges.
    broker_power_safe: PowerSafe,
}

#[derive(Debug, Serialize, ToSchema)]
struct Checks {
    /// Postgres answers and has the schema.
    database: Check,
    /// NATS is connected.
    broker: Check,
    /// The streams are there and refuse rather than lose.
    streams: Check,
    /// The service is not shutting down.
    draining: Check,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReadinessCheck)]
struct Check {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl Check {
    fn of(fault: Option<String>) -> Self {
        Self { ok: fault.is_none(), reason: fault }
    }
}

/// Whether acknowledged messages survive a power loss of the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PowerSafe {
    /// `sync_interval: always`.
    Yes,
    /// Acknowledged messages of the last seconds or minutes can be lost.
    No,
    /// The broker was not asked (`NATS_MONITOR_URL`), or did not say.
    Unknown,
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "health", responses((status = 200, body = Alive)))]
pub(crate) async fn alive() -> HttpResponse {
    error::ok(Alive { status: "alive" })
}

/// Deliveries can be accepted.
#[utoipa::path(get, path = "/readyz", tag = "health",
    responses((status = 200, body = Readiness), (status = 503, body = Readiness)))]
pub(crate) async fn ready(ingress: web::Data<Ingress>) -> HttpResponse {
    let (is_ready, readiness) = readiness(&ingress).await;
    error::readiness(is_ready, readiness)
}

/// Keeps the metrics of readiness true where nobody asks `/readyz`.
pub(crate) async fn watch(ingress: web::Data<Ingress>) {
    let mut every = tokio::time::interval(WATCH_EVERY);
    loop {
        every.tick().await;
        readiness(&ingress).await;
    }
}

/// Every metric, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "health",
    responses((status = 200, description = "Prometheus's text format", body = String, content_type = "text/plain")))]
pub(crate) async fn metrics() -> HttpResponse {
    error::text(telemetry::METRICS_CONTENT_TYPE, telemetry::metrics_text())
}

async fn readiness(ingress: &Ingress) -> (bool, Readiness) {
    let (database, streams, broker_power_safe) = futures_util::future::join3(
        database(ingress),
        streams(ingress),
        ingress.monitor.power_safe(),
    )
    .await;
    let is_connected = ingress.publisher.is_connected();
    let checks = Checks {
        database: Check::of(database),
        broker: Check::of((!is_connected).then(|| "not connected".to_owned())),
        streams: Check::of(streams),
        draining: Check::of(ingress.is_draining().then(|| "shutting down".to_owned())),
    };
    let Checks { database, broker, streams, draining } = &checks;
    let is_ready = [database, broker, streams, draining].into_iter().all(|check| check.ok);
    let status = if is_ready { "ready" } else { "not ready" };
    ingress.metrics.readiness(is_ready, broker_power_safe);
    (is_ready, Readiness { status, checks, broker_power_safe })
}

async fn database(ingress: &Ingress) -> Option<String> {
    let error = ingress.store.check().await.err()?;
    tracing::debug!(%error, "the database is not ready");
    Some("does not answer, or lacks the schema (`deployer-svc migrate`)".to_owned())
}

async fn streams(ingress: &Ingress) -> Option<String> {
    if !ingress.publisher.is_connected() {
        return Some("not connected to the broker".to_owned());
    }
    tokio::time::timeout(CHECK_WITHIN, ingress.publisher.stream_fault())
        .await
        .unwrap_or_else(|_| Some("the broker does not answer".to_owned()))
}

/// The broker's monitoring port, if there is one.
pub(crate) struct Monitor {
    client: reqwest::Client,
    url: Option<String>,
}

#[derive(Deserialize)]
struct Varz {
    jetstream: JetStream,
}

#[derive(Deserialize)]
struct JetStream {
    config: JetStreamConfig,
}

#[derive(Deserialize)]
struct JetStreamConfig {
    sync_always: Option<bool>,
}

impl Monitor {
    /// The monitor at this base URL.
    pub(crate) fn new(url: Option<&str>) -> anyhow::Result<Self> {
        let url = url.filter(|url| !url.is_empty());
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(CHECK_WITHIN)
            // Connections belong to the worker that opened them: none is kept.
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self { client, url: url.map(|url| format!("{}/varz", url.trim_end_matches('/'))) })
    }

    /// Reads the broker's configuration.
    pub(crate) async fn power_safe(&self) -> PowerSafe {
        let Some(url) = &self.url else { return PowerSafe::Unknown };
        let read = async { self.client.get(url).send().await?.json::<Varz>().await };
        match read.await {
            Ok(varz) if varz.jetstream.config.sync_always == Some(true) => PowerSafe::Yes,
            Ok(_) => PowerSafe::No,
            Err(error) => {
                tracing::debug!(error = %error.without_url(), "the broker's monitor did not answer");
                PowerSafe::Unknown
            }
        }
    }
}

//! Logs, traces, metrics and trace context, equal on both ends of the wire.
//!
//! - A service calls [`init`] first, within the runtime, and [`Guard::shutdown`] last.
//! - Trace context: [`nats_headers`], [`inject_metadata`], [`set_parent`] and their like hand a trace on.
//! - Metrics: `src/metrics.rs` of a service declares every instrument through one [`Meter`], and the values of every
//!   label as an enum through [`labels!`]; [`metrics_text`] is the answer to `GET /metrics`. [`pool::Pool`] measures a
//!   pool of database connections.
//! - [`health::ask`] is the probe of an image: the program asks the service beside it.
//! - What leaves by OTLP follows the standard `OTEL_…` variables and is off without an endpoint; `/metrics` is always
//!   there.

mod context;
pub mod health;
mod instruments;
mod logs;
mod metrics;
mod otlp;
pub mod pool;
mod resource;
mod traces;

use std::time::Duration;

use anyhow::Context as _;
use opentelemetry_sdk::{
    logs::SdkLoggerProvider, metrics::SdkMeterProvider, trace::SdkTracerProvider,
};
use tracing_subscriber::{Registry, layer::SubscriberExt as _, util::SubscriberInitExt as _};

pub use context::{
    current_traceparent, inject_metadata, link, nats_headers, set_parent, span_since,
    traceparent_of, traceparent_of_metadata,
};
pub use instruments::{Buckets, Counter, Gauge, Label, Meter, Seconds, Unit};
pub use logs::LogFormat;
pub use metrics::{METRICS_CONTENT_TYPE, metrics_text};
pub use opentelemetry::KeyValue;

/// What a shutdown waits for the collector at most.
const FLUSH_TIME: Duration = Duration::from_secs(3);

/// Keeps the exporters alive; the last records leave with [`Guard::shutdown`].
#[derive(Debug)]
#[must_use = "records are lost when the guard is dropped without a shutdown"]
pub struct Guard {
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
    metrics: SdkMeterProvider,
}

/// Sets up logs and metrics, and sends them and traces to a collector where an `OTEL_EXPORTER_OTLP_…ENDPOINT` is set.
///
/// Call it once, within the multi-threaded runtime: the exporters' connections live on it. A collector that is away
/// costs records, never a request: they wait in bounded queues and are dropped when those are full.
pub fn init(service: &'static str, format: LogFormat) -> anyhow::Result<Guard> {
    let resource = resource::of(service);
    let guard = Guard {
        traces: traces::provider(&resource)?,
        logs: logs::provider(&resource)?,
        metrics: metrics::provider(&resource)?,
    };
    let spans = guard.traces.as_ref().map(traces::layer::<Registry>);
    let lines = logs::layer(format)?;
    let records = guard.logs.as_ref().map(logs::bridge).transpose()?;
    tracing_subscriber::registry()
        .with(spans)
        // Below the lines: what is not there would say on top of them that nobody listens.
        .with(records)
        .with(lines)
        .try_init()
        .context("logging is set up already")?;
    Ok(guard)
}

impl Guard {
    /// Sends what is still in the queues, within a few seconds or not at all.
    pub async fn shutdown(self) {
        let Self { traces, logs, metrics } = self;
        let traces =
            flush(move || traces.map_or(Ok(()), |it| it.shutdown_with_timeout(FLUSH_TIME)));
        let logs = flush(move || logs.map_or(Ok(()), |it| it.shutdown_with_timeout(FLUSH_TIME)));
        let metrics = flush(move || metrics.shutdown_with_timeout(FLUSH_TIME));
        let all = async { tokio::join!(traces, logs, metrics) };
        let in_time = tokio::time::timeout(FLUSH_TIME, all).await;
        if !matches!(in_time, Ok((true, true, true))) {
            tracing::warn!("the last traces, logs or metrics did not reach the collector");
        }
    }
}

/// On a thread of its own: the exporter needs the runtime's threads meanwhile, and one that hangs must not keep the
/// runtime from ending.
async fn flush<E: Send + 'static>(
    shutdown: impl FnOnce() -> Result<(), E> + Send + 'static,
) -> bool {
    let (done, flushed) = tokio::sync::oneshot::channel();
    let thread = std::thread::Builder::new().name("telemetry flush".to_owned());
    let started = thread.spawn(move || {
        let _ = done.send(shutdown().is_ok());
    });
    started.is_ok() && flushed.await.unwrap_or(false)
}

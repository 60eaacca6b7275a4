//! Logs, traces and trace context, equal on both ends of the wire: a service calls [`init`] first and
//! [`Guard::shutdown`] last, and hands the trace on with the functions of `context`.

mod context;
mod logs;
mod traces;

use anyhow::Context as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::{Registry, layer::SubscriberExt as _, util::SubscriberInitExt as _};

pub use context::{
    current_traceparent, inject_metadata, nats_headers, set_parent, traceparent_of,
    traceparent_of_metadata,
};
pub use logs::LogFormat;

/// Keeps the exporter of traces alive; the last spans leave with [`Guard::shutdown`].
#[derive(Debug)]
#[must_use = "spans are lost when the guard is dropped without a shutdown"]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

/// Sets up logs, and traces where `OTEL_EXPORTER_OTLP_ENDPOINT` or its `_TRACES_` form is set.
///
/// Call it once, within the multi-threaded runtime: the exporter's connection lives on it. A collector that is away
/// costs spans, never a request: they wait in a bounded queue and are dropped when it is full.
pub fn init(service: &'static str, format: LogFormat) -> anyhow::Result<Guard> {
    let provider = traces::provider(service)?;
    let guard = Guard { provider };
    let spans = guard.provider.as_ref().map(traces::layer::<Registry>);
    let logs = logs::layer(format)?;
    tracing_subscriber::registry()
        .with(spans)
        .with(logs)
        .try_init()
        .context("logging is set up already")?;
    Ok(guard)
}

impl Guard {
    /// Sends the spans still in the queue, within a few seconds or not at all.
    pub async fn shutdown(self) {
        let Some(provider) = self.provider else { return };
        // The exporter needs the runtime's threads while this one waits for it.
        let flushed =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(traces::FLUSH_TIME));
        if let Ok(Err(error)) = flushed.await {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

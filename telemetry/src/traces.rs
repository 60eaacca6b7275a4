//! Spans to an OpenTelemetry collector over gRPC; off until an endpoint is set. The collector is one nearby, in
//! plaintext (`http://…`): it forwards over TLS where that is needed. The SDK reads the other standard variables
//! (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`, `OTEL_RESOURCE_ATTRIBUTES`) itself.

use std::{env, time::Duration};

use anyhow::{Context as _, ensure};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{
    OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, SpanExporter,
};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::{Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, registry::LookupSpan};

/// What a shutdown waits for the collector at most.
pub(crate) const FLUSH_TIME: Duration = Duration::from_secs(3);

/// The batching exporter, or `None` when no endpoint is set.
pub(crate) fn provider(service: &'static str) -> anyhow::Result<Option<SdkTracerProvider>> {
    if !is_set(OTEL_EXPORTER_OTLP_ENDPOINT) && !is_set(OTEL_EXPORTER_OTLP_TRACES_ENDPOINT) {
        return Ok(None);
    }
    ensure!(
        tokio::runtime::Handle::try_current().is_ok(),
        "traces need the runtime: call `telemetry::init` within it"
    );
    // Connects when the first batch leaves, and again whenever the collector was away.
    let exporter = SpanExporter::builder().with_tonic().build().context(
        "OTEL_EXPORTER_OTLP_ENDPOINT is not a collector's address such as `http://127.0.0.1:4317`",
    )?;
    let name = env::var("OTEL_SERVICE_NAME").ok().filter(|name| !name.is_empty());
    let resource =
        Resource::builder().with_service_name(name.unwrap_or_else(|| service.to_owned())).build();
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    Ok(Some(provider))
}

/// The layer that makes a span of ours one of OpenTelemetry's, whatever `RUST_LOG` says about log lines.
pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // The exporter's own transport must not make spans: each batch would be the reason for the next.
    let ours =
        ["h2", "hyper", "hyper_util", "opentelemetry", "opentelemetry_sdk", "tonic", "tower"]
            .into_iter()
            .fold(Targets::new().with_default(LevelFilter::INFO), |targets, name| {
                targets.with_target(name, LevelFilter::OFF)
            });
    tracing_opentelemetry::layer().with_tracer(provider.tracer("paas")).with_filter(ours)
}

fn is_set(variable: &str) -> bool {
    env::var_os(variable).is_some_and(|value| !value.is_empty())
}

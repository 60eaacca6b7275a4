//! Spans to an OpenTelemetry collector; off until an endpoint is set. The SDK reads `OTEL_TRACES_SAMPLER` and
//! `OTEL_BSP_…` itself.

use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use tracing::{Metadata, Subscriber, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer,
    filter::{FilterExt as _, Targets, filter_fn},
    registry::LookupSpan,
};

use crate::otlp;

/// The batching exporter, or `None` when no endpoint is set.
pub(crate) fn provider(resource: &Resource) -> anyhow::Result<Option<SdkTracerProvider>> {
    Ok(otlp::spans()?.map(|exporter| {
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.clone())
            .build();
        opentelemetry::global::set_tracer_provider(provider.clone());
        provider
    }))
}

/// The layer that makes a span of ours one of OpenTelemetry's, whatever `RUST_LOG` says about log lines.
pub(crate) fn layer<S>(provider: &SdkTracerProvider) -> impl Layer<S> + use<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // Where in the code a span stands, on which thread and how long it was idle costs more than it tells. What is logged
    // within it is a record of its own, and not written onto the span as well.
    tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("paas"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(not_of_the_exporter().and(filter_fn(is_span)))
}

fn is_span(metadata: &Metadata<'_>) -> bool {
    metadata.is_span()
}

/// The exporter's own transport must make neither spans nor records: each batch would be the reason for the next.
pub(crate) fn not_of_the_exporter() -> Targets {
    const TRANSPORT: [&str; 8] =
        ["h2", "hyper", "hyper_util", "opentelemetry", "reqwest", "rustls", "tonic", "tower"];
    let ours = Targets::new().with_default(LevelFilter::INFO);
    TRANSPORT.iter().fold(ours, |targets, name| targets.with_target(*name, LevelFilter::OFF))
}

//! Where measurements go: always to the text that `GET /metrics` answers with, and to a collector where one is set.

use std::sync::OnceLock;

use anyhow::{Context as _, anyhow};
use opentelemetry_sdk::{
    Resource,
    metrics::{PeriodicReader, SdkMeterProvider},
};
use prometheus::{Registry, TextEncoder};

use crate::otlp;

/// The `Content-Type` of [`metrics_text`].
pub const METRICS_CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

static REGISTRY: OnceLock<Registry> = OnceLock::new();

/// Every metric of this process in Prometheus's text format; empty before [`init`](crate::init).
#[must_use]
pub fn metrics_text() -> String {
    REGISTRY.get().map(text).unwrap_or_default()
}

fn text(registry: &Registry) -> String {
    TextEncoder::new().encode_to_string(&registry.gather()).unwrap_or_else(|error| {
        tracing::error!(%error, "the metrics cannot be written as text");
        String::new()
    })
}

/// Becomes the process's global provider.
pub(crate) fn provider(resource: &Resource) -> anyhow::Result<SdkMeterProvider> {
    let registry = Registry::new();
    let mut builder =
        SdkMeterProvider::builder().with_resource(resource.clone()).with_reader(reader(&registry)?);
    if let Some(exporter) = otlp::metrics()? {
        builder = builder.with_reader(PeriodicReader::builder(exporter).build());
    }
    let provider = builder.build();
    REGISTRY.set(registry).map_err(|_| anyhow!("metrics are set up already"))?;
    opentelemetry::global::set_meter_provider(provider.clone());
    Ok(provider)
}

/// Who measured is no label: a process has one meter.
fn reader(registry: &Registry) -> anyhow::Result<opentelemetry_prometheus::PrometheusExporter> {
    opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .scope_info_enabled(false)
        .build()
        .context("metrics cannot be offered to Prometheus")
}

#[cfg(test)]
pub(crate) mod tests {
    use opentelemetry::metrics::MeterProvider as _;

    use super::*;
    use crate::Meter;

    /// What a scrape sees after something was measured.
    pub(crate) fn scraped(measure: impl FnOnce(&Meter)) -> String {
        let registry = Registry::new();
        let provider = SdkMeterProvider::builder()
            .with_resource(crate::resource::of("a-service"))
            .with_reader(reader(&registry).unwrap())
            .build();
        measure(&Meter::from(provider.meter("test")));
        text(&registry)
    }

    #[test]
    fn a_scrape_names_the_service_and_its_version() {
        let text = scraped(|meter| {
            meter.counter("paas_test_things", "Things.").one(&[]);
        });
        let info = text.lines().find(|line| line.starts_with("target_info{")).unwrap();
        assert!(info.contains(r#"service_name="a-service""#), "{info}");
        assert!(info.contains(concat!("service_version=\"", env!("CARGO_PKG_VERSION"))), "{info}");
        assert!(!text.contains("otel_scope"), "{text}");
    }
}

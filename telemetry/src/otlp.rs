//! The exporters of the three signals, as the standard variables say: where to, by which protocol, or not at all.
//! Endpoints, headers (`OTEL_EXPORTER_OTLP_HEADERS`), timeouts and compression are read by the exporters themselves.

mod watched;

use std::env;

use anyhow::{Context as _, bail, ensure};
use opentelemetry_otlp::{
    LogExporter, MetricExporter, Protocol, SpanExporter, WithExportConfig as _,
    WithTonicConfig as _, tonic_types::transport::ClientTlsConfig,
};

pub(crate) use watched::Watched;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Signal {
    Traces,
    Metrics,
    Logs,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Traces => "traces",
            Self::Metrics => "metrics",
            Self::Logs => "logs",
        }
    }

    /// The value of `OTEL_EXPORTER_OTLP_<SIGNAL>_<WHAT>`, or of its general form.
    fn setting(self, what: &str) -> Option<String> {
        let signal = self.name().to_uppercase();
        variable(&format!("OTEL_EXPORTER_OTLP_{signal}_{what}"))
            .or_else(|| variable(&format!("OTEL_EXPORTER_OTLP_{what}")))
    }

    /// Whether it is sent at all: `OTEL_TRACES_EXPORTER=none`, and so on for each signal, switches it off.
    fn endpoint(self) -> Option<String> {
        let disabled =
            variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
        let exporter = variable(&format!("OTEL_{}_EXPORTER", self.name().to_uppercase()));
        if disabled || exporter.is_some_and(|exporter| exporter == "none") {
            return None;
        }
        self.setting("ENDPOINT")
    }

    /// Or gRPC, which is the default.
    fn is_over_http(self) -> anyhow::Result<bool> {
        match self.setting("PROTOCOL").as_deref() {
            None | Some("grpc") => Ok(false),
            Some("http/protobuf") => Ok(true),
            Some(other) => bail!(
                "OTEL_EXPORTER_OTLP_PROTOCOL is `{other}`; this service speaks `grpc` and `http/protobuf`"
            ),
        }
    }

    /// How to reach the collector; nothing when the signal is off.
    fn route(self) -> anyhow::Result<Option<Route>> {
        let Some(endpoint) = self.endpoint() else { return Ok(None) };
        ensure!(
            tokio::runtime::Handle::try_current().is_ok(),
            "exporters need the runtime: call `telemetry::init` within it"
        );
        // Another provider is as good; without one, a client of the exporter cannot be made.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Ok(Some(if self.is_over_http()? {
            Route::Http
        } else if endpoint.starts_with("http://") {
            Route::Grpc(ClientTlsConfig::new())
        } else {
            // Read only where they are needed: an image may have none.
            Route::Grpc(ClientTlsConfig::new().with_native_roots())
        }))
    }
}

enum Route {
    Grpc(ClientTlsConfig),
    Http,
}

const ADDRESS: &str =
    "OTEL_EXPORTER_OTLP_ENDPOINT is not a collector's address such as `http://127.0.0.1:4317`";

/// For traces; nothing when they are off.
pub(crate) fn spans() -> anyhow::Result<Option<Watched<SpanExporter>>> {
    let builder = SpanExporter::builder();
    let exporter = match Signal::Traces.route()? {
        None => return Ok(None),
        Some(Route::Grpc(tls)) => builder.with_tonic().with_tls_config(tls).build(),
        Some(Route::Http) => builder.with_http().with_protocol(Protocol::HttpBinary).build(),
    };
    Ok(Some(Watched::new(Signal::Traces.name(), exporter.context(ADDRESS)?)))
}

/// For metrics; nothing when they are off.
pub(crate) fn metrics() -> anyhow::Result<Option<Watched<MetricExporter>>> {
    let builder = MetricExporter::builder();
    let exporter = match Signal::Metrics.route()? {
        None => return Ok(None),
        Some(Route::Grpc(tls)) => builder.with_tonic().with_tls_config(tls).build(),
        Some(Route::Http) => builder.with_http().with_protocol(Protocol::HttpBinary).build(),
    };
    Ok(Some(Watched::new(Signal::Metrics.name(), exporter.context(ADDRESS)?)))
}

/// For log records; nothing when they are off.
pub(crate) fn logs() -> anyhow::Result<Option<Watched<LogExporter>>> {
    let builder = LogExporter::builder();
    let exporter = match Signal::Logs.route()? {
        None => return Ok(None),
        Some(Route::Grpc(tls)) => builder.with_tonic().with_tls_config(tls).build(),
        Some(Route::Http) => builder.with_http().with_protocol(Protocol::HttpBinary).build(),
    };
    Ok(Some(Watched::new(Signal::Logs.name(), exporter.context(ADDRESS)?)))
}

/// An empty variable is none.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

//! Log lines for people or for machines. Both go to standard error: standard output belongs to the answer of a
//! subcommand (`doctor`, `rebuild`), and container runtimes collect either.

use std::{
    env, fmt,
    io::{self, IsTerminal as _},
};

use anyhow::Context as _;
use opentelemetry::{Context, trace::TraceContextExt as _};
use opentelemetry_appender_tracing::layer::{OpenTelemetryTracingBridge, TracingSpanAttributes};
use opentelemetry_sdk::{Resource, logs::SdkLoggerProvider};
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::{FilterExt as _, LevelFilter, filter_fn},
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Json, Writer},
    },
    registry::LookupSpan,
};

use crate::{otlp, traces::not_of_the_exporter};

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line, with the trace's id where there is one.
    Json,
}

/// The batching exporter of log records, or `None` when no endpoint is set.
pub(crate) fn provider(resource: &Resource) -> anyhow::Result<Option<SdkLoggerProvider>> {
    Ok(otlp::logs()?.map(|exporter| {
        SdkLoggerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource.clone())
            .build()
    }))
}

/// The layer that makes a log line a record of OpenTelemetry's, within its trace; filtered by `RUST_LOG`, too.
pub(crate) fn bridge<S>(
    provider: &SdkLoggerProvider,
) -> anyhow::Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    // What the spans around a line say of it.
    let of_spans = TracingSpanAttributes::allowlist(["app.id", "deploy.id", "step"]);
    let bridge = OpenTelemetryTracingBridge::builder(provider)
        .with_tracing_span_attributes(of_spans)
        .build();
    Ok(bridge.with_filter(filter()?.and(not_of_the_exporter())).boxed())
}

/// The layer that writes log lines, filtered by `RUST_LOG` (default `info`).
pub(crate) fn layer<S>(format: LogFormat) -> anyhow::Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let filter = filter()?.and(filter_fn(is_news));
    Ok(match format {
        LogFormat::Text => {
            let coloured = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
            tracing_subscriber::fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(coloured)
                .map_event_format(move |format| Traced::last(format.with_ansi(coloured)))
                .with_filter(filter)
                .boxed()
        }
        LogFormat::Json => json().with_writer(io::stderr).with_filter(filter).boxed(),
    })
}

fn filter() -> anyhow::Result<EnvFilter> {
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env()
        .context("RUST_LOG is not a filter such as `info,ingress_svc=debug`")
}

/// The exporters say with each batch that it failed; `otlp` says it once.
fn is_news(event: &Metadata<'_>) -> bool {
    let (target, name) = (event.target(), event.name());
    !target.starts_with("opentelemetry")
        || !(target.starts_with("opentelemetry-otlp")
            || name.contains("Export")
            || name.contains("Shutdown"))
}

type JsonLayer<S> = tracing_subscriber::fmt::Layer<
    S,
    tracing_subscriber::fmt::format::JsonFields,
    Traced<Format<Json>>,
>;

fn json<S>() -> JsonLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .map_event_format(Traced::first)
}

/// Adds `trace_id` and `span_id` to the line that the inner format writes, so that it leads to its trace.
struct Traced<F> {
    format: F,
    place: Place,
}

enum Place {
    /// The first members of a JSON object.
    First,
    /// At the end of a text.
    Last,
}

impl<F> Traced<F> {
    fn first(format: F) -> Self {
        Self { format, place: Place::First }
    }

    fn last(format: F) -> Self {
        Self { format, place: Place::Last }
    }
}

impl<S, N, F> FormatEvent<S, N> for Traced<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let span = Context::map_current(|current| current.span().span_context().clone());
        if !span.is_valid() {
            return self.format.format_event(context, writer, event);
        }
        let (trace, id) = (span.trace_id(), span.span_id());
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        match (&self.place, line.strip_prefix('{')) {
            (Place::First, Some(rest)) => {
                write!(writer, r#"{{"trace_id":"{trace}","span_id":"{id}",{rest}"#)
            }
            (Place::First, None) => writer.write_str(&line),
            (Place::Last, _) => writeln!(writer, "{} trace_id={trace}", line.trim_end()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt as _};

    use super::*;
    use crate::{context::current_traceparent, traces};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Lines {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    fn written(traced: bool, log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let provider = SdkTracerProvider::builder().build();
        let subscriber = tracing_subscriber::registry()
            .with(traced.then(|| traces::layer(&provider)))
            .with(json().with_writer(lines.clone()));
        tracing::subscriber::with_default(subscriber, log);
        let bytes = lines.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_json_line_names_its_trace() {
        let mut traceparent = None;
        let line = written(true, || {
            let _entered = tracing::info_span!("push.receive", deploy.id = 7).entered();
            traceparent = current_traceparent();
            tracing::info!("stored");
        });
        let traceparent = traceparent.unwrap();
        let [_, trace_id, span_id, _] = traceparent.split('-').collect::<Vec<_>>()[..] else {
            panic!("{traceparent}")
        };
        let start = format!(r#"{{"trace_id":"{trace_id}","span_id":"{span_id}","timestamp":"#);
        assert!(line.starts_with(&start), "{line}");
        assert!(line.contains(r#""message":"stored""#), "{line}");
        assert!(line.contains(r#""deploy.id":7"#), "{line}");
    }

    #[test]
    fn a_json_line_outside_of_a_trace_has_no_trace_id() {
        let line = written(false, || tracing::info!("started"));
        assert!(line.starts_with(r#"{"timestamp":"#), "{line}");
    }
}

//! Log lines for people or for machines. Both go to standard error: standard output belongs to the answer of a
//! subcommand (`doctor`, `rebuild`), and container runtimes collect either.

use std::{
    env, fmt,
    io::{self, IsTerminal as _},
};

use anyhow::Context as _;
use opentelemetry::{Context, trace::TraceContextExt as _};
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    EnvFilter, Layer,
    filter::LevelFilter,
    fmt::{
        FmtContext, FormatEvent, FormatFields,
        format::{Format, Json, Writer},
    },
    registry::LookupSpan,
};

/// How log lines look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object a line, with the trace's id where there is one.
    Json,
}

/// The layer that writes log lines, filtered by `RUST_LOG` (default `info`).
pub(crate) fn layer<S>(format: LogFormat) -> anyhow::Result<Box<dyn Layer<S> + Send + Sync>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env()
        .context("RUST_LOG is not a filter such as `info,ingress_svc=debug`")?;
    Ok(match format {
        LogFormat::Text => {
            let coloured = io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none();
            tracing_subscriber::fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(coloured)
                .with_filter(filter)
                .boxed()
        }
        LogFormat::Json => json().with_writer(io::stderr).with_filter(filter).boxed(),
    })
}

type JsonLayer<S> = tracing_subscriber::fmt::Layer<
    S,
    tracing_subscriber::fmt::format::JsonFields,
    WithTraceId<Format<Json>>,
>;

fn json<S>() -> JsonLayer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .map_event_format(WithTraceId)
}

/// Puts `trace_id` first into the JSON object that the inner format writes, so that a log line leads to its trace.
struct WithTraceId<F>(F);

impl<S, N, F> FormatEvent<S, N> for WithTraceId<F>
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
        let trace = Context::map_current(|current| current.span().span_context().clone());
        if !trace.is_valid() {
            return self.0.format_event(context, writer, event);
        }
        let mut line = String::new();
        self.0.format_event(context, Writer::new(&mut line), event)?;
        match line.strip_prefix('{') {
            Some(rest) => write!(writer, r#"{{"trace_id":"{}",{rest}"#, trace.trace_id()),
            None => writer.write_str(&line),
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
        let trace_id = traceparent.split('-').nth(1).unwrap();
        assert!(line.starts_with(&format!(r#"{{"trace_id":"{trace_id}","timestamp":"#)), "{line}");
        assert!(line.contains(r#""message":"stored""#), "{line}");
        assert!(line.contains(r#""deploy.id":7"#), "{line}");
    }

    #[test]
    fn a_json_line_outside_of_a_trace_has_no_trace_id() {
        let line = written(false, || tracing::info!("started"));
        assert!(line.starts_with(r#"{"timestamp":"#), "{line}");
    }
}

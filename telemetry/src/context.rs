//! Hands a trace from one process to the next: W3C trace context in NATS headers and gRPC metadata, and as the plain
//! `traceparent` that is stored with an event until a runner takes it up.

use std::time::SystemTime;

use async_nats::HeaderMap;
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, Injector, TextMapPropagator as _},
    trace::{Span as _, TraceContextExt as _, Tracer as _},
};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tonic::metadata::{MetadataKey, MetadataMap};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: &str = "traceparent";

/// Headers of a message that carry the current span's context; empty when traces are off.
#[must_use]
pub fn nats_headers() -> HeaderMap {
    let mut headers = HeaderMap::new();
    inject(&mut NatsHeaders(&mut headers));
    headers
}

/// Adds the current span's context to the metadata of a gRPC request.
pub fn inject_metadata(metadata: &mut MetadataMap) {
    inject(&mut Metadata(metadata));
}

/// The current span as a `traceparent`; `None` when traces are off.
#[must_use]
pub fn current_traceparent() -> Option<String> {
    traceparent(&Span::current().context())
}

/// The sender's span, when a message's headers name a valid one.
#[must_use]
pub fn traceparent_of(headers: &HeaderMap) -> Option<String> {
    parsed(headers.get(TRACEPARENT)?.as_str())
}

/// The caller's span, when the metadata of a gRPC request names a valid one.
#[must_use]
pub fn traceparent_of_metadata(metadata: &MetadataMap) -> Option<String> {
    parsed(metadata.get(TRACEPARENT)?.to_str().ok()?)
}

/// Makes a span the child of a remote one; nothing happens without a valid `traceparent`.
///
/// Call it before the span is entered for the first time: afterwards its place in a trace is fixed, so from within a
/// function under `#[instrument]` it comes too late.
pub fn set_parent(span: &Span, traceparent: Option<&str>) {
    let Some(parent) = traceparent.map(context).filter(Context::has_active_span) else { return };
    if let Err(error) = span.set_parent(parent) {
        tracing::debug!(%error, "a span could not join the trace that it belongs to");
    }
}

/// Links a span to one in another trace, or to an earlier one of its own; nothing happens without a valid
/// `traceparent`.
pub fn link(span: &Span, traceparent: Option<&str>) {
    if let Some(linked) = traceparent.map(context).filter(Context::has_active_span) {
        span.add_link(linked.span().span_context().clone());
    }
}

/// Records a span that began in the past and ends now, as the child of `parent`; nothing happens without a valid one.
pub fn span_since(
    name: &'static str,
    parent: Option<&str>,
    began: SystemTime,
    attributes: impl IntoIterator<Item = KeyValue>,
) {
    let Some(parent) = parent.map(context).filter(Context::has_active_span) else { return };
    let tracer = opentelemetry::global::tracer("paas");
    tracer
        .span_builder(name)
        .with_start_time(began)
        .with_attributes(attributes)
        .start_with_context(&tracer, &parent)
        .end();
}

fn inject(carrier: &mut dyn Injector) {
    TraceContextPropagator::new().inject_context(&Span::current().context(), carrier);
}

/// In canonical form, whatever the sender wrote.
fn parsed(text: &str) -> Option<String> {
    traceparent(&context(text))
}

fn context(traceparent: &str) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Traceparent(traceparent))
}

fn traceparent(context: &Context) -> Option<String> {
    let mut headers = HeaderMap::new();
    TraceContextPropagator::new().inject_context(context, &mut NatsHeaders(&mut headers));
    headers.get(TRACEPARENT).map(ToString::to_string)
}

struct NatsHeaders<'a>(&'a mut HeaderMap);

impl Injector for NatsHeaders<'_> {
    fn set(&mut self, key: &str, value: String) {
        // An empty `tracestate` says nothing.
        if !value.is_empty() {
            self.0.insert(key, value);
        }
    }
}

struct Metadata<'a>(&'a mut MetadataMap);

impl Injector for Metadata<'_> {
    fn set(&mut self, key: &str, value: String) {
        if value.is_empty() {
            return;
        }
        if let (Ok(key), Ok(value)) = (MetadataKey::from_bytes(key.as_bytes()), value.parse()) {
            self.0.insert(key, value);
        }
    }
}

/// A lone `traceparent`, as it is stored.
struct Traceparent<'a>(&'a str);

impl Extractor for Traceparent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        (key == TRACEPARENT).then_some(self.0)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    const SENDER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn with_traces<T>(test: impl FnOnce() -> T) -> T {
        let provider = SdkTracerProvider::builder().build();
        let subscriber = tracing_subscriber::registry().with(crate::traces::layer(&provider));
        tracing::subscriber::with_default(subscriber, test)
    }

    fn trace_id(traceparent: &str) -> &str {
        traceparent.split('-').nth(1).unwrap()
    }

    #[test]
    fn a_context_survives_the_way_through_nats() {
        with_traces(|| {
            let _entered = tracing::info_span!("push.publish").entered();
            let received = traceparent_of(&nats_headers());
            assert!(received.is_some());
            assert_eq!(received, current_traceparent());
        });
    }

    #[test]
    fn a_context_survives_the_way_through_grpc() {
        with_traces(|| {
            let _entered = tracing::info_span!("deploy.step").entered();
            let mut metadata = MetadataMap::new();
            inject_metadata(&mut metadata);
            let received = traceparent_of_metadata(&metadata);
            assert!(received.is_some());
            assert_eq!(received, current_traceparent());
        });
    }

    #[test]
    fn a_span_joins_the_trace_of_its_sender() {
        with_traces(|| {
            let span = tracing::info_span!("push.intake");
            set_parent(&span, Some(SENDER));
            let ours = span.in_scope(current_traceparent).unwrap();
            assert_eq!(trace_id(&ours), trace_id(SENDER));
            assert_ne!(ours, SENDER, "a span of its own");
        });
    }

    #[test]
    fn garbage_in_the_headers_is_no_context() {
        for garbage in ["", "garbage", "00-0-0-01", &SENDER.to_uppercase(), &SENDER[3..]] {
            let mut headers = HeaderMap::new();
            headers.insert(TRACEPARENT, garbage);
            assert_eq!(traceparent_of(&headers), None, "{garbage:?}");
        }
        assert_eq!(traceparent_of(&HeaderMap::new()), None);
        assert_eq!(traceparent_of_metadata(&MetadataMap::new()), None);
    }

    #[test]
    fn garbage_leaves_a_span_in_a_trace_of_its_own() {
        with_traces(|| {
            let span = tracing::info_span!("push.intake");
            set_parent(&span, Some("garbage"));
            set_parent(&span, None);
            assert!(span.in_scope(current_traceparent).is_some());
        });
    }

    #[test]
    fn nothing_is_handed_on_while_traces_are_off() {
        let subscriber = tracing_subscriber::registry();
        tracing::subscriber::with_default(subscriber, || {
            let _entered = tracing::info_span!("push.publish").entered();
            assert_eq!(current_traceparent(), None);
            assert!(nats_headers().is_empty());
            let mut metadata = MetadataMap::new();
            inject_metadata(&mut metadata);
            assert!(metadata.is_empty());
        });
    }
}

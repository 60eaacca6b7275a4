//! The spans of gRPC calls, on both ends: the server's joins its caller's trace.

use axum::http::Request;
use tracing::{Span, field, info_span};

/// The span of a call that this process makes.
pub(crate) fn client_span(service: &str, method: &str) -> Span {
    let method = format!("{service}/{method}");
    info_span!(
        "rpc.call",
        otel.name = method,
        otel.kind = "client",
        otel.status_code = field::Empty,
        rpc.system.name = "grpc",
        rpc.method = method,
        rpc.response.status_code = field::Empty,
    )
}

/// The span of a call that arrives. People's and machines' looks at metrics and health have none.
pub(crate) fn server_span(request: &Request<()>) -> Span {
    let method = request.uri().path().trim_start_matches('/');
    if !method.starts_with("paas.") {
        return Span::none();
    }
    // The agent fills in what it works on.
    let span = info_span!(
        "rpc.serve",
        otel.name = method,
        otel.kind = "server",
        rpc.system.name = "grpc",
        rpc.method = method,
        deploy.id = field::Empty,
        app.id = field::Empty,
        k8s.namespace.name = field::Empty,
        k8s.deployment.name = field::Empty,
        tekton.pipelinerun.name = field::Empty,
    );
    let caller = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    telemetry::set_parent(&span, caller);
    span
}

/// Notes on the current span how its call ended; `status` is its code as gRPC names it.
pub(crate) fn note(status: impl std::fmt::Debug, failed: bool) {
    let span = Span::current();
    span.record("rpc.response.status_code", field::debug(status));
    if failed {
        span.record("otel.status_code", "ERROR");
    }
}

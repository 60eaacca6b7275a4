//! What a service tells its collector, and what it notices when that is away: nothing. Logging can be set up once a
//! process and reads the environment, so each test runs the ignored one below in a process of its own.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    net::TcpListener,
    process::{Command, Output},
    time::{Duration, Instant},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::any_value::Value,
};
use telemetry::{LogFormat, Meter};
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

struct Collector(mpsc::UnboundedSender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).map_err(|error| Status::internal(error.to_string()))?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_last_spans_arrive_under_the_service_name() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (collected, mut collection) = mpsc::unbounded_channel();
    let server = tonic::transport::Server::builder()
        .add_service(TraceServiceServer::new(Collector(collected)))
        .serve_with_incoming(TcpListenerStream::new(listener));
    let server = tokio::spawn(server);

    let output = tokio::task::spawn_blocking(move || service(Some(&endpoint))).await.unwrap();
    assert_passed(&output);
    server.abort();

    let export = collection.recv().await.unwrap();
    let resource = export.resource_spans.first().unwrap();
    let attributes = &resource.resource.as_ref().unwrap().attributes;
    let name = attributes.iter().find(|attribute| attribute.key == "service.name").unwrap();
    let name = name.value.as_ref().unwrap().value.clone();
    assert_eq!(name, Some(Value::StringValue("a-service".to_owned())));
    let span = resource.scope_spans.first().unwrap().spans.first().unwrap();
    assert_eq!(span.name, "push.receive");
}

#[test]
fn a_collector_that_refuses_costs_nothing() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert_passed(&service(Some(&format!("http://{closed}"))));
}

#[test]
fn a_collector_that_never_answers_costs_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    assert_passed(&service(Some(&format!("http://{}", silent.local_addr().unwrap()))));
}

#[test]
fn without_an_endpoint_there_are_no_traces() {
    assert_passed(&service(None));
}

#[test]
fn an_endpoint_that_is_no_address_is_refused_at_the_start() {
    let output = service(Some("http://not an address"));
    assert!(!output.status.success());
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(printed.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{printed}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by the tests above, with the environment that they set"]
async fn a_service() {
    let traced = std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some()
        && std::env::var_os("OTEL_SDK_DISABLED").is_none();
    let guard = telemetry::init("a-service", LogFormat::Json).unwrap();
    Meter::of("a-service").counter("paas_test_pushes", "Pushes.").one(&[]);

    // More than the queue of spans holds.
    let started = Instant::now();
    for _ in 0..5_000 {
        let span = tracing::info_span!("push.receive");
        assert_eq!(span.in_scope(telemetry::current_traceparent).is_some(), traced);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "spans took {:?}", started.elapsed());

    let started = Instant::now();
    assert!(telemetry::metrics_text().contains("paas_test_pushes_total 1"));
    guard.shutdown().await;
    assert!(started.elapsed() < Duration::from_secs(5), "shutdown took {:?}", started.elapsed());
}

fn service(endpoint: Option<&str>) -> Output {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "a_service", "--ignored", "--nocapture"])
        .env_remove("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
        .env_remove("OTEL_EXPORTER_OTLP_ENDPOINT")
        .env_remove("OTEL_SERVICE_NAME")
        .env_remove("RUST_LOG");
    if let Some(endpoint) = endpoint {
        command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    }
    command.output().unwrap()
}

fn assert_passed(output: &Output) {
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && printed.contains("1 passed"), "{printed}");
}

//! An OpenTelemetry collector for tests: takes OTLP over gRPC and over HTTP on one port, and keeps it for questions.
//!
//! Or one that takes connections and never says a word.

mod records;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Result;
use axum::{Router, body::Bytes, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{
        ExportLogsServiceRequest, ExportLogsServiceResponse,
        logs_service_server::{LogsService, LogsServiceServer},
    },
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use prost::Message;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::AbortOnDropHandle;
use tonic::{
    Request, Response, Status,
    service::Routes,
    transport::{Server, server::TcpIncoming},
};

pub use records::{Log, Metric, Received, Span};

/// A collector that listens until it is dropped.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    received: Kept,
    _server: AbortOnDropHandle<()>,
}

impl Collector {
    /// Keeps what it is sent.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (address, received) = (listener.local_addr()?, Kept::default());
        let services = Routes::new(TraceServiceServer::new(received.clone()))
            .add_service(MetricsServiceServer::new(received.clone()))
            .add_service(LogsServiceServer::new(received.clone()));
        let routes = services.into_axum_router().merge(received.clone().over_http());
        let serving = Server::builder()
            .accept_http1(true)
            .add_routes(routes.into())
            .serve_with_incoming(TcpIncoming::from(listener));
        let server = tokio::spawn(async move {
            if let Err(error) = serving.await {
                tracing::error!(%error, "the collector ended");
            }
        });
        Ok(Self { address, received, _server: AbortOnDropHandle::new(server) })
    }

    /// Takes every connection and never answers.
    pub async fn blackhole() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = tokio::spawn(async move {
            let mut held: Vec<TcpStream> = Vec::new();
            while let Ok((connection, _)) = listener.accept().await {
                held.push(connection);
            }
        });
        let received = Kept::default();
        Ok(Self { address, received, _server: AbortOnDropHandle::new(server) })
    }

    /// Its address, as services are told it.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The settings with which a service sends everything here, soon.
    #[must_use]
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OTEL_EXPORTER_OTLP_ENDPOINT", self.endpoint()),
            ("OTEL_BSP_SCHEDULE_DELAY", "100".to_owned()),
            ("OTEL_BLRP_SCHEDULE_DELAY", "100".to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "500".to_owned()),
        ]
    }

    /// Looks at what has arrived so far.
    pub fn received<T>(&self, look: impl FnOnce(&Received) -> T) -> T {
        look(&self.received.all())
    }
}

/// What was sent, by whatever protocol.
#[derive(Debug, Clone, Default)]
struct Kept(Arc<Mutex<Received>>);

impl Kept {
    fn all(&self) -> MutexGuard<'_, Received> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over_http(self) -> Router {
        let (traces, metrics, logs) = (self.clone(), self.clone(), self);
        Router::new()
            .route("/v1/traces", post(async move |body| taken(body, |it| traces.all().spans(it))))
            .route(
                "/v1/metrics",
                post(async move |body| taken(body, |it| metrics.all().metrics(it))),
            )
            .route("/v1/logs", post(async move |body| taken(body, |it| logs.all().logs(it))))
    }
}

/// An empty answer is one without complaints.
fn taken<M: Message + Default>(body: Bytes, keep: impl FnOnce(M)) -> StatusCode {
    match M::decode(body) {
        Ok(message) => {
            keep(message);
            StatusCode::OK
        }
        Err(_) => StatusCode::BAD_REQUEST,
    }
}

#[tonic::async_trait]
impl TraceService for Kept {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.all().spans(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Kept {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.all().metrics(request.into_inner());
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Kept {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.all().logs(request.into_inner());
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

//! What is answered over plain HTTP on the gRPC port, without a token: whether the process lives and is ready, and its
//! metrics. Nothing in them is secret.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    extract::{Request, State},
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    response::{IntoResponse as _, Response},
    routing::get,
};
use telemetry::{METRICS_CONTENT_TYPE, metrics_text};
use tonic::{Status, service::Routes};

use crate::metrics::metrics;

/// Whether this process can do its work, as it was last seen. A clone is the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Notes what was seen.
    pub(crate) fn set(&self, is_ready: bool) {
        self.0.store(is_ready, Ordering::Relaxed);
        metrics().ready(is_ready);
    }

    fn get(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Adds the routes to those of the services.
pub(crate) fn routes(services: Routes, readiness: Readiness) -> Routes {
    let health = axum::Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(scrape))
        .with_state(readiness);
    services.into_axum_router().merge(health).fallback(unknown).into()
}

async fn healthz() -> Response {
    answer(StatusCode::OK, "ok\n")
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    if readiness.get() {
        answer(StatusCode::OK, "ready\n")
    } else {
        answer(StatusCode::SERVICE_UNAVAILABLE, "not ready\n")
    }
}

async fn scrape() -> Response {
    ([(CONTENT_TYPE, METRICS_CONTENT_TYPE)], metrics_text()).into_response()
}

/// Callers of gRPC are told so in their own way.
async fn unknown(request: Request) -> Response {
    let is_grpc = |kind: &HeaderValue| kind.as_bytes().starts_with(b"application/grpc");
    if request.headers().get(CONTENT_TYPE).is_some_and(is_grpc) {
        return Status::unimplemented("there is no such service").into_http();
    }
    answer(StatusCode::NOT_FOUND, "there is nothing here; see /healthz, /readyz and /metrics\n")
}

fn answer(status: StatusCode, text: &'static str) -> Response {
    (status, [(CACHE_CONTROL, "no-store")], text).into_response()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::ServiceExt as _;

    use super::*;

    async fn asked(path: &str, kind: Option<&str>, readiness: &Readiness) -> Response {
        let mut request = Request::builder().uri(path);
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        let router = routes(Routes::default(), readiness.clone()).into_axum_router();
        router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn readiness_is_what_was_last_seen() {
        let readiness = Readiness::default();
        assert_eq!(asked("/readyz", None, &readiness).await.status(), 503);
        readiness.set(true);
        assert_eq!(asked("/readyz", None, &readiness).await.status(), 200);
        readiness.set(false);
        assert_eq!(asked("/readyz", None, &readiness).await.status(), 503);
        assert_eq!(asked("/healthz", None, &readiness).await.status(), 200);
    }

    #[tokio::test]
    async fn what_is_not_there_is_said_in_the_callers_own_way() {
        let readiness = Readiness::default();
        assert_eq!(asked("/secrets", None, &readiness).await.status(), 404);
        let grpc = asked("/paas.Nothing/Do", Some("application/grpc"), &readiness).await;
        assert_eq!(grpc.headers().get("grpc-status").unwrap(), "12");
    }
}

//! One request and its answer, as the world sees them: who sent it, its span, its line in the access log, its share of
//! the metrics.
//!
//! Every request is counted. A span and a line are for those whose sender is known: until a handler has
//! [admitted](Exchange::admit) a request, nothing about it leaves the process. What was never admitted (a probe, a
//! delivery that is not authentic) has a line only at the level `debug`, and no span unless the sampler is set to keep
//! even those whose parent is not kept.

use std::{
    cell::Cell,
    net::IpAddr,
    rc::Rc,
    time::{Duration, Instant},
};

use actix_web::{
    Error as ActixError, HttpMessage as _, HttpRequest,
    body::{BodySize, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::{ConnectionType, Method, header::USER_AGENT},
    middleware::Next,
    web,
};
use tracing::{Level, Span, field::Empty};

use crate::{Ingress, client::Origin, verify::Header};

const MAX_USER_AGENT_BYTES: usize = 128;
/// The parent of spans that are not to be kept: a trace that nobody samples.
const NOT_SAMPLED: &str = "00-00000000000000000000000000000001-0000000000000001-00";
const TRACEPARENT: &str = "traceparent";

/// What is known of a request while it is answered.
#[derive(Debug, Clone)]
pub(crate) struct Exchange(Rc<Known>);

#[derive(Debug)]
struct Known {
    began: Instant,
    client: IpAddr,
    span: Span,
    /// In our proxy's words, if the request came through one.
    traceparent: Option<String>,
    is_admitted: Cell<bool>,
}

impl Exchange {
    /// Of the request that is being answered.
    pub(crate) fn of(request: &HttpRequest, ingress: &Ingress) -> Self {
        let known = request.extensions().get::<Self>().cloned();
        known.unwrap_or_else(|| Self::begin(request, ingress))
    }

    /// When its head had been received.
    pub(crate) fn began(&self) -> Instant {
        self.0.began
    }

    /// Who sent it.
    pub(crate) fn client(&self) -> IpAddr {
        self.0.client
    }

    /// Its sender is known: from here on it is handled within its span.
    pub(crate) fn admit(&self) -> Span {
        if !self.0.is_admitted.replace(true) {
            telemetry::set_parent(&self.0.span, self.0.traceparent.as_deref());
        }
        self.0.span.clone()
    }

    fn begin(request: &HttpRequest, ingress: &Ingress) -> Self {
        let peer = request.peer_addr();
        let origin = Origin::read(peer, request.headers(), &ingress.config.trusted_proxies);
        let traceparent = Header::read(request.headers(), TRACEPARENT).value();
        Self(Rc::new(Known {
            began: Instant::now(),
            client: origin.client,
            span: tracing::info_span!(
                "http.server",
                otel.kind = "server",
                otel.name = Empty,
                otel.status_code = Empty,
                http.request.method = Empty,
                http.route = Empty,
                http.response.status_code = Empty,
                url.path = Empty,
                url.scheme = Empty,
                server.address = Empty,
                client.address = Empty,
                user_agent.original = Empty,
                error.r#type = Empty,
            ),
            traceparent: traceparent.filter(|_| origin.is_proxied).map(str::to_owned),
            is_admitted: Cell::new(false),
        }))
    }
}

/// Around every request.
pub(crate) async fn observe(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, ActixError> {
    let Some(ingress) = request.app_data::<web::Data<Ingress>>().cloned() else {
        return next.call(request).await;
    };
    let exchange = Exchange::begin(request.request(), &ingress);
    request.extensions_mut().insert(exchange.clone());
    let mut response = next.call(request).await?;
    if ingress.is_draining() {
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    Answered::read(&exchange, &response).report(&ingress);
    Ok(response)
}

/// A request that has its answer.
struct Answered<'a> {
    exchange: &'a Known,
    request: &'a HttpRequest,
    method: &'static str,
    route: Option<String>,
    status: u16,
    /// `None` for a stream.
    bytes: Option<u64>,
    took: Duration,
}

impl<'a> Answered<'a> {
    fn read<B: MessageBody>(exchange: &'a Exchange, response: &'a ServiceResponse<B>) -> Self {
        let request = response.request();
        Self {
            exchange: &exchange.0,
            request,
            method: method(request.method()),
            route: request.match_pattern(),
            status: response.status().as_u16(),
            bytes: match response.response().body().size() {
                BodySize::None => Some(0),
                BodySize::Sized(bytes) => Some(bytes),
                BodySize::Stream => None,
            },
            took: exchange.0.began.elapsed(),
        }
    }

    fn report(&self, ingress: &Ingress) {
        ingress.metrics.answered(self.method, self.route.as_deref(), self.status, self.took);
        if self.exchange.is_admitted.get() {
            self.describe(ingress);
        } else {
            telemetry::set_parent(&self.exchange.span, Some(NOT_SAMPLED));
        }
        if ingress.config.access_log {
            self.log();
        }
    }

    fn describe(&self, ingress: &Ingress) {
        let (span, request) = (&self.exchange.span, self.request);
        let route = self.route.as_deref().unwrap_or_default();
        let proxies = &ingress.config.trusted_proxies;
        let origin = Origin::read(request.peer_addr(), request.headers(), proxies);
        span.record("otel.name", format_args!("{} {route}", self.method));
        span.record("http.request.method", self.method);
        span.record("http.route", route);
        span.record("http.response.status_code", self.status);
        span.record("url.path", request.path());
        span.record("url.scheme", origin.scheme);
        span.record("server.address", origin.host.unwrap_or_default());
        span.record("client.address", tracing::field::display(origin.client));
        span.record("user_agent.original", user_agent(request));
        if self.status >= 500 {
            span.record("otel.status_code", "ERROR");
            span.record("error.type", self.status);
        }
    }

    fn log(&self) {
        let Self { method, route, status, .. } = self;
        let route = route.as_deref().unwrap_or("no route");
        let duration_ms = self.took.as_secs_f64() * 1000.0;
        macro_rules! line {
            ($level:expr) => {
                tracing::event!(
                    target: "access",
                    $level,
                    http.request.method = method,
                    http.route = route,
                    http.response.status_code = status,
                    duration_ms,
                    bytes = self.bytes,
                    client.address = %self.exchange.client,
                    user_agent.original = user_agent(self.request),
                    "{method} {route} {status}"
                )
            };
        }
        if self.exchange.is_admitted.get() {
            self.exchange.span.in_scope(|| line!(Level::INFO));
        } else {
            line!(Level::DEBUG);
        }
    }
}

/// The methods of RFC 9110 and 5789; others are the sender's invention.
fn method(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        "CONNECT" => "CONNECT",
        "TRACE" => "TRACE",
        _ => "_OTHER",
    }
}

fn user_agent(request: &HttpRequest) -> &str {
    let text = Header::read(request.headers(), USER_AGENT.as_str()).value().unwrap_or_default();
    &text[..text.floor_char_boundary(MAX_USER_AGENT_BYTES)]
}

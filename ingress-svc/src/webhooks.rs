//! The life of a delivery: size, source row, authenticity, kind, content, verdict, publish. In this order, and nothing
//! is parsed, logged or published before it is authentic.

mod accept;
mod arrival;
mod content;

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use paas_proto::events::Provider;
use tokio::time::{Duration, Instant};
use tracing::Instrument as _;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{Ingress, error::Error, exchange::Exchange, metrics::Verdict, receive};
use accept::Delivery;
use arrival::Arrival;

/// From the last byte of a delivery to its answer: GitHub hangs up after ten seconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(9);

/// The answer to a delivery that was taken in: `deploy_id`, `sha` and `repo` when it was queued, else `status`.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Answer {
    /// The push is stored; the same delivery again gives the same `deploy_id`.
    Queued { deploy_id: Uuid, sha: String, repo: String },
    /// Nothing is deployed, and why.
    Status { status: &'static str },
    /// The webhook works.
    Ping { ping: &'static str },
}

/// A delivery from GitHub.
#[utoipa::path(post, path = "/v1/webhooks/github/{app_id}", tag = "webhooks",
    params(("app_id" = Uuid, Path), ("X-Hub-Signature-256" = String, Header, description = "`sha256=<hex>` of the raw body"),
           ("X-GitHub-Event" = String, Header)),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses((status = 200, description = "A ping, or an event that is no push", body = Answer),
              (status = 202, description = "Queued, or filtered out", body = Answer),
              (status = 400, body = crate::openapi::Problem), (status = 401, body = crate::openapi::Problem),
              (status = 404, body = crate::openapi::Problem), (status = 413, body = crate::openapi::Problem),
              (status = 415, body = crate::openapi::Problem), (status = 503, body = crate::openapi::Problem)))]
pub(crate) async fn github(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
) -> Result<HttpResponse, Error> {
    take_in(Provider::Github, &request, payload, &ingress).await
}

/// A delivery from GitLab.
#[utoipa::path(post, path = "/v1/webhooks/gitlab/{app_id}", tag = "webhooks",
    params(("app_id" = Uuid, Path), ("X-Gitlab-Event" = String, Header),
           ("X-Gitlab-Token" = Option<String>, Header, description = "The secret, for unsigned deliveries"),
           ("webhook-signature" = Option<String>, Header, description = "`v1,<base64>` under the signing token")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses((status = 200, description = "An event that is no push", body = Answer),
              (status = 202, description = "Queued, or filtered out", body = Answer),
              (status = 400, body = crate::openapi::Problem), (status = 401, body = crate::openapi::Problem),
              (status = 404, body = crate::openapi::Problem), (status = 413, body = crate::openapi::Problem),
              (status = 415, body = crate::openapi::Problem), (status = 503, body = crate::openapi::Problem)))]
pub(crate) async fn gitlab(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
) -> Result<HttpResponse, Error> {
    take_in(Provider::Gitlab, &request, payload, &ingress).await
}

/// A delivery from Forgejo or Gitea.
#[utoipa::path(post, path = "/v1/webhooks/forgejo/{app_id}", tag = "webhooks",
    params(("app_id" = Uuid, Path),
           ("X-Forgejo-Signature" = Option<String>, Header,
            description = "HMAC-SHA256 of the raw body in hex; `X-Gitea-Signature` and `X-Hub-Signature-256` will do as well"),
           ("X-Forgejo-Event" = Option<String>, Header, description = "or `X-Gitea-Event`, or `X-GitHub-Event`")),
    request_body(content = serde_json::Value, content_type = "application/json"),
    responses((status = 200, description = "An event that is no push", body = Answer),
              (status = 202, description = "Queued, or filtered out", body = Answer),
              (status = 400, body = crate::openapi::Problem), (status = 401, body = crate::openapi::Problem),
              (status = 404, body = crate::openapi::Problem), (status = 413, body = crate::openapi::Problem),
              (status = 415, body = crate::openapi::Problem), (status = 503, body = crate::openapi::Problem)))]
pub(crate) async fn forgejo(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
) -> Result<HttpResponse, Error> {
    take_in(Provider::Forgejo, &request, payload, &ingress).await
}

async fn take_in(
    provider: Provider,
    request: &HttpRequest,
    payload: web::Payload,
    ingress: &Ingress,
) -> Result<HttpResponse, Error> {
    let exchange = Exchange::of(request, ingress);
    let accepted = accept(provider, request, payload, ingress, &exchange).await;
    let verdict = accepted.as_ref().map_or_else(Verdict::from, |(verdict, _)| *verdict);
    ingress.metrics.delivered(provider.into(), verdict, exchange.began().elapsed());
    accepted.map(|(_, response)| response)
}

async fn accept(
    provider: Provider,
    request: &HttpRequest,
    payload: web::Payload,
    ingress: &Ingress,
    exchange: &Exchange,
) -> Result<(Verdict, HttpResponse), Error> {
    let body =
        receive::body(request, payload, receive::MAX_DELIVERY_BYTES, &ingress.bodies).await?;
    let answer_by = Instant::now() + ANSWER_WITHIN;
    let received_at = Timestamp::now();
    let (headers, app) = (request.headers(), crate::server::uuid(request, "app_id"));
    let arrival = Arrival { ingress, exchange, provider, app, headers, body: &body, received_at };
    let identity = arrival.identity();
    let (app, source, secret) = arrival.authenticate(identity.as_ref()).await?;
    let admitted = exchange.admit();
    let span = tracing::info_span!(
        parent: &admitted,
        "push.receive",
        app.id = %app,
        provider = provider.name(),
    );
    let delivery = Delivery {
        ingress,
        provider,
        app,
        source,
        secret,
        headers,
        body: &body,
        identity,
        received_at,
        answer_by,
    };
    delivery.accept().instrument(span).instrument(admitted).await
}

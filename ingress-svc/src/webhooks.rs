//! The life of a delivery: size, source row, authenticity, kind, content, verdict, publish. In this order, and nothing
//! is parsed, logged or published before it is authentic.

mod accept;

use actix_web::{HttpRequest, HttpResponse, http::header::HeaderMap, web};
use jiff::Timestamp;
use paas_proto::{events::Provider, ids::Identity};
use tokio::time::{Duration, Instant};
use tracing::Instrument as _;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    Ingress,
    error::Error,
    receive,
    secrets::Purpose,
    store::Source,
    verify::{
        self, Header,
        gitlab::{Presented, SigningToken},
    },
};
use accept::Delivery;

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

async fn take_in(
    provider: Provider,
    request: &HttpRequest,
    payload: web::Payload,
    ingress: &Ingress,
) -> Result<HttpResponse, Error> {
    let body =
        receive::body(request, payload, receive::MAX_DELIVERY_BYTES, &ingress.bodies).await?;
    let answer_by = Instant::now() + ANSWER_WITHIN;
    let received_at = Timestamp::now();
    let headers = request.headers();
    let identity = identity(provider, headers, &body);
    let app = crate::server::uuid(request, "app_id");
    let source = match app {
        Some(app) => ingress
            .store
            .source_of_delivery(app, provider.name(), identity.as_ref())
            .await
            .map_err(Error::cannot_accept)?,
        None => None,
    };
    let (Some(app), Some(source)) = (app, source) else {
        verify::pretend(&body);
        return Err(Error::NoSource(provider));
    };
    authenticate(ingress, provider, app, &source, headers, &body, received_at)?;
    let span = tracing::info_span!("push.receive", app.id = %app, provider = provider.name());
    let delivery = Delivery {
        ingress,
        provider,
        app,
        source,
        headers,
        body: &body,
        identity,
        received_at,
        answer_by,
    };
    delivery.accept().instrument(span).await
}

/// What makes this push the same push, as far as it shows without parsing; it counts only once the delivery is
/// authentic. GitLab before 17.4 sends no key: its identity is in the body, and costs a second read.
fn identity(provider: Provider, headers: &HeaderMap, body: &[u8]) -> Option<Identity> {
    if provider == Provider::Github {
        return Some(Identity::of_signed_body(provider, body));
    }
    let is_signed = Presented::read(headers).is_signed();
    let name = if is_signed { "webhook-id" } else { "idempotency-key" };
    Header::read(headers, name).value().map(|key| Identity::of_key(provider, key))
}

fn authenticate(
    ingress: &Ingress,
    provider: Provider,
    app: Uuid,
    source: &Source,
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<(), Error> {
    let open = |purpose, sealed: &[u8]| {
        ingress.keys.secrets.open(purpose, app, sealed).map_err(Error::cannot_accept)
    };
    let secret = open(Purpose::WebhookSecret, &source.webhook_secret)?;
    if provider == Provider::Github {
        let signature = Header::read(headers, verify::github::SIGNATURE);
        return Ok(verify::github::verify(&secret, signature, body)?);
    }
    let token = source.signing_token.as_deref();
    let token = token.map(|sealed| open(Purpose::SigningToken, sealed)).transpose()?;
    let signing_token = token
        .map(|token| String::from_utf8_lossy(&token).parse::<SigningToken>())
        .transpose()
        .map_err(Error::cannot_accept)?;
    let expected = verify::gitlab::Expected {
        secret,
        signing_token,
        signing_required: source.signing_required,
    };
    Ok(verify::gitlab::verify(&expected, Presented::read(headers), body, now)?)
}

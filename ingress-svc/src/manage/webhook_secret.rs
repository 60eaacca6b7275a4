//! The secret that deliveries are signed with: replaced without a gap, and the one before it retired.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    app_id,
    input::WebhookSecret,
    webhook::{self, Place, WebhookView},
};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    hooks::{self, NewSecret, Wanted},
    openapi::Problem,
};

/// A secret to be set; without it one is made. `retire_previous` alone changes no secret.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutSecret {
    /// 8 to 256 printable characters.
    #[schema(value_type = Option<String>, min_length = 8, max_length = 256)]
    webhook_secret: Option<WebhookSecret>,
    /// End the validity of the secret before at once.
    #[serde(default)]
    retire_previous: bool,
}

/// The secret that counts now, and how long the one before does.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretView {
    /// Only when it was just set.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
    /// Absent when no other secret is valid, and while the provider has not been told of this one: then both are.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_valid_until: Option<Timestamp>,
    webhook: WebhookView,
}

/// Replaces the webhook secret, at the provider as well where that is connected. Deliveries signed with the one before
/// are taken until `previous_valid_until`.
#[utoipa::path(put, path = "/v1/apps/{app_id}/git/webhook-secret", tag = "apps", security(("token" = [])),
    params(("app_id" = Uuid, Path)), request_body = PutSecret,
    responses((status = 200, body = SecretView), (status = 400, body = Problem), (status = 401, body = Problem),
              (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
              (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
              (status = 503, body = Problem)))]
pub(crate) async fn put(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = app_id(&request)?;
    let PutSecret { webhook_secret, retire_previous } =
        super::read(&request, payload, &ingress).await?;
    let secret = match webhook_secret {
        Some(given) => NewSecret::Given(given.as_str().into()),
        None if retire_previous => NewSecret::None,
        None => NewSecret::Made,
    };
    let tenancy = ingress.store.of(caller.tenant);
    let source = tenancy.source(app).await.map_err(Error::cannot_answer)?;
    let source = source.ok_or(Error::NotFound("no such app, or it has no source"))?;
    let wanted = Wanted { secret, retire_previous };
    let rotated = hooks::rotate(ingress.clone(), caller.tenant, app, wanted).await;
    let rotation = rotated.map_err(webhook::error)?;
    let rotation = rotation.ok_or(Error::NotFound("no such app, or it has no source"))?;
    let secret = rotation.secret.map(|secret| secret.expose_secret().to_owned());
    let place = Place { app, provider: &source.provider, repo: &source.repo_full_name };
    Ok(error::ok(SecretView {
        webhook: WebhookView::of(&ingress, place, rotation.webhook, secret.as_deref())?,
        previous_valid_until: rotation.previous_valid_until,
        webhook_secret: secret,
    }))
}

//! The description of the whole HTTP surface, made from the handlers.

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::{
    Modify, OpenApi, ToSchema,
    openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme},
};

use crate::{
    callbacks, error, health,
    manage::{apps, dead_letters, deliveries, deploys, replays, sources, watch},
    webhooks,
};

/// Why a request was not answered with success.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// For people.
    pub(crate) error: String,
}

#[derive(OpenApi)]
#[openapi(
    info(title = "Webhook Deploy", description = "Webhooks, callbacks and management of the ingress"),
    paths(
        health::alive, health::ready, health::metrics, document, webhooks::github, webhooks::gitlab,
        webhooks::forgejo, deliveries::list, callbacks::build,
        callbacks::tekton, apps::create, apps::list, apps::get, sources::put, sources::get, sources::put_secret,
        deploys::list, deploys::get, watch::watch, deploys::cancel, deploys::roll_back, deploys::redeploy, deploys::resume,
        replays::replay, dead_letters::list, dead_letters::get, dead_letters::retry, dead_letters::discard,
    ),
    modifiers(&Schemes)
)]
struct Api;

/// How callers show who they are.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let schemes = [("token", HttpAuthScheme::Bearer), ("tekton", HttpAuthScheme::Basic)];
        let components = api.components.get_or_insert_default();
        for (name, scheme) in schemes {
            let scheme = SecurityScheme::Http(HttpBuilder::new().scheme(scheme).build());
            components.add_security_scheme(name, scheme);
        }
    }
}

/// This document.
#[utoipa::path(get, path = "/v1/openapi.json", tag = "health",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub(crate) async fn document() -> HttpResponse {
    error::ok(api())
}

/// The document.
pub(crate) fn api() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

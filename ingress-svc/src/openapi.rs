//! The description of the whole HTTP surface, made from the handlers.

mod frame;

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use actix_web::HttpResponse;
use serde::Serialize;
use utoipa::{
    OpenApi, ToSchema,
    openapi::{RefOr, path::ParameterIn},
};

use self::frame::Frame;
use crate::{
    access, callbacks, clone_credentials, error, health,
    manage::{
        apps, audit, auth, dead_letters, deliveries, deploys, git_health, logs, releases, replays,
        sources, tenants, tokens, watch, webhook_secret, whoami,
    },
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
        webhooks::forgejo, deliveries::list, git_health::get, callbacks::build,
        callbacks::tekton, whoami::get, tenants::list, tenants::create, tokens::list, tokens::create, tokens::revoke,
        audit::list, apps::create, apps::list, apps::get, apps::delete, sources::put, sources::get, sources::delete, webhook_secret::put,
        auth::list, auth::connect, auth::callback, auth::put_credential, auth::disconnect, clone_credentials::get,
        deploys::list, deploys::get, watch::watch, deploys::cancel, deploys::roll_back, deploys::redeploy, deploys::resume,
        releases::list, logs::read,
        replays::replay, dead_letters::list, dead_letters::get, dead_letters::retry, dead_letters::discard,
    ),
    components(schemas(Problem)),
    modifiers(&Frame)
)]
struct Api;

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

/// What a query may name, by method and pattern of the route.
static QUERIES: LazyLock<HashMap<(&str, &str), HashSet<String>>> = LazyLock::new(|| {
    let mut api = api();
    let names = |route: &access::Route| {
        let path = api.paths.paths.get_mut(route.pattern)?;
        let parameters = frame::operation(path, route.method)?.parameters.take()?;
        let of_query = parameters.into_iter().filter_map(|parameter| match parameter {
            RefOr::T(parameter) => Some(parameter),
            RefOr::Ref(_) => None,
        });
        let of_query = of_query.filter(|parameter| parameter.parameter_in == ParameterIn::Query);
        Some(of_query.map(|parameter| parameter.name).collect())
    };
    let mut names = names;
    let routes = access::ROUTES.iter();
    routes.map(|route| ((route.method, route.pattern), names(route).unwrap_or_default())).collect()
});

/// Whether a route knows this name in its query.
pub(crate) fn knows_query(route: &access::Route, name: &str) -> bool {
    QUERIES.get(&(route.method, route.pattern)).is_some_and(|names| names.contains(name))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(Value::as_str));
                fields.values().for_each(|value| references(value, found));
            }
            Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = serde_json::to_value(api()).unwrap();
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(found.len() > 100, "{}", found.len());
        for reference in found {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    /// Of two types of one name, the later one takes the other's place in the document.
    #[test]
    fn readiness_and_git_health_are_described_apart() {
        let document = serde_json::to_value(api()).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        assert!(schemas.contains_key("GitCheck") && schemas.contains_key("ReadinessCheck"));
    }
}

//! The management API: apps and their sources from Postgres, deploys from the deployer. Whoever
//! comes here has been let in by `access`.

pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod auth;
pub(crate) mod dead_letters;
pub(crate) mod deliveries;
pub(crate) mod deploys;
pub(crate) mod git_health;
mod input;
pub(crate) mod logs;
pub(crate) mod pages;
pub(crate) mod releases;
pub(crate) mod replays;
pub(crate) mod sources;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod watch;
mod webhook;
pub(crate) mod webhook_secret;
pub(crate) mod whoami;

use actix_web::{HttpRequest, web};
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::{Ingress, error::Error, receive};

/// What the body of a management request may have.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// Reads a body; an empty one is the empty object.
async fn read<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: web::Payload,
    ingress: &Ingress,
) -> Result<T, Error> {
    let body = receive::body(request, payload, MAX_BODY_BYTES, &ingress.bodies).await?;
    parse(if body.is_empty() { b"{}" } else { &body })
}

/// What is no JSON is malformed; what is JSON of another shape, or breaks a rule, is invalid.
fn parse<T: DeserializeOwned>(json: &[u8]) -> Result<T, Error> {
    let value: Value = serde_json::from_slice(json).map_err(|_| Error::MalformedJson)?;
    // A derived type would take an array for an object with its fields in order.
    if !value.is_object() {
        return Err(Error::Invalid("the body must be an object".to_owned()));
    }
    // From the text again: the value has forgotten names that were there twice.
    serde_json::from_slice(json)
        .map_err(|error| Error::Invalid(without_position(&error.to_string()).to_owned()))
}

/// Reads what the query asks for; names nobody knows are refused.
fn query<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Error> {
    let query = web::Query::<T>::from_query(request.query_string());
    Ok(query.map_err(|error| Error::Invalid(error.to_string()))?.into_inner())
}

fn without_position(message: &str) -> &str {
    message.rsplit_once(" at line ").map_or(message, |(message, _)| message)
}

fn app_id(request: &HttpRequest) -> Result<Uuid, Error> {
    crate::server::uuid(request, "app_id").ok_or(Error::NotFound("no such app"))
}

fn deploy_id(request: &HttpRequest) -> Result<Uuid, Error> {
    crate::server::uuid(request, "deploy_id").ok_or(Error::NotFound("no such deploy"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Body {
        #[expect(dead_code, reason = "only read from JSON")]
        small: u8,
    }

    #[test]
    fn malformed_and_invalid_are_different() {
        assert!(parse::<Body>(br#"{"small":3}"#).is_ok());
        for malformed in ["{", "[", "{} {}", "x"] {
            let parsed = parse::<Body>(malformed.as_bytes());
            assert!(matches!(parsed, Err(Error::MalformedJson)), "{malformed}");
        }
        for invalid in [r#"{"small":300}"#, "{}", "[3]", "3", "null"] {
            let Err(Error::Invalid(message)) = parse::<Body>(invalid.as_bytes()) else {
                panic!("{invalid} is invalid")
            };
            assert!(!message.contains("line"), "{message}");
        }
    }
}

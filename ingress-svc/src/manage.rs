//! The management API: apps and their sources from Postgres, deploys from the deployer. All of it behind one bearer
//! token.

pub(crate) mod apps;
pub(crate) mod dead_letters;
pub(crate) mod deploys;
mod input;
pub(crate) mod replays;
pub(crate) mod sources;
pub(crate) mod watch;

use actix_web::{
    Error as ActixError, HttpMessage as _, HttpRequest, ResponseError as _,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::AUTHORIZATION,
    middleware::Next,
    web,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::{Ingress, access::Caller, error::Error, exchange::Exchange, receive, verify::Header};

const MAX_BODY_BYTES: usize = 64 * 1024;

/// Lets a request pass that carries the token.
pub(crate) async fn require_token(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, ActixError> {
    let ingress = request.app_data::<web::Data<Ingress>>();
    let token = bearer_token(Header::read(request.headers(), AUTHORIZATION.as_str()));
    let admitted = ingress.zip(token).and_then(|(ingress, token)| {
        let is_right = ingress.keys.api_token.matches(token.as_bytes());
        is_right.then(|| Exchange::of(request.request(), ingress).admit())
    });
    request.extensions_mut().insert(Caller::operator());
    if let Some(span) = admitted {
        Ok(next.call(request).instrument(span).await?.map_into_left_body())
    } else {
        let refusal = Error::ApiToken.error_response();
        Ok(request.into_response(refusal).map_into_right_body())
    }
}

fn bearer_token(header: Header<'_>) -> Option<&str> {
    let (scheme, token) = header.value()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}

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

    #[test]
    fn a_token_comes_as_bearer() {
        assert_eq!(bearer_token(Header::Once("Bearer token")), Some("token"));
        assert_eq!(bearer_token(Header::Once("bearer token")), Some("token"));
        for none in [
            Header::Absent,
            Header::Unusable,
            Header::Once("token"),
            Header::Once("Bearer"),
            Header::Once("Bearer  "),
            Header::Once("Basic token"),
        ] {
            assert_eq!(bearer_token(none), None, "{none:?}");
        }
    }

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

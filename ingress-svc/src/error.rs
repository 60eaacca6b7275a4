//! Which status each answer has: the one place that names them. A cause of ours is logged here, once; what the caller
//! reads says nothing about it.

use std::{convert::Infallible, error::Error as StdError, time::Duration};

use actix_web::{
    HttpResponse, HttpResponseBuilder, ResponseError,
    http::{
        StatusCode,
        header::{ALLOW, CACHE_CONTROL, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE},
    },
};
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use paas_proto::events::Provider;
use serde::Serialize;

use crate::{delivery::Malformed, openapi::Problem, receive, verify::Refusal};

const RETRY_AFTER_SECONDS: &str = "5";

type Cause = Box<dyn StdError + Send + Sync>;

/// Why a request is not answered with success.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("malformed JSON")]
    MalformedJson,
    /// Of a browser that comes back from a provider.
    #[error("{0}")]
    BadRequest(String),
    #[error("incomplete request body")]
    IncompleteBody,
    #[error("{0}")]
    NotAuthentic(#[from] Refusal),
    #[error("invalid callback token")]
    CallbackToken,
    #[error("invalid credential token")]
    CredentialToken,
    #[error("invalid credentials")]
    TektonCredentials,
    #[error("missing or invalid API token")]
    ApiToken,
    /// Known, and not allowed this.
    #[error("{0}")]
    Forbidden(String),
    #[error("no {} source for this app", .0.name())]
    NoSource(Provider),
    #[error("{0}")]
    NotFound(&'static str),
    /// With the methods that there are.
    #[error("method not allowed")]
    MethodNotAllowed(String),
    #[error("request body too slow")]
    TooSlow,
    #[error("{0}")]
    Conflict(String),
    #[error("a request with this Idempotency-Key is underway")]
    Underway,
    #[error("payload too large")]
    TooLarge,
    #[error("unsupported content type")]
    UnsupportedContentType,
    #[error("{0}")]
    Invalid(String),
    /// For so long, in a flood of deliveries that are not authentic.
    #[error("too many requests")]
    TooManyRequests(Duration),
    /// A provider does not do its part.
    #[error("{0}")]
    Provider(String),
    /// The administrator has not configured it.
    #[error("{0}")]
    NotConfigured(&'static str),
    /// It may do better after so long.
    #[error("{0}")]
    Later(String, Duration),
    /// Nothing was lost: the sender may try again.
    #[error("cannot accept deliveries now")]
    CannotAccept(#[source] Cause),
    /// The same for the management API.
    #[error("cannot answer now")]
    CannotAnswer(#[source] Cause),
}

impl Error {
    /// Trouble of ours with a delivery or a callback.
    pub(crate) fn cannot_accept(cause: impl Into<Cause>) -> Self {
        Self::CannotAccept(cause.into())
    }

    /// Trouble of ours with a request of the management API.
    pub(crate) fn cannot_answer(cause: impl Into<Cause>) -> Self {
        Self::CannotAnswer(cause.into())
    }

    /// What the caller reads, also at the end of a stream that broke off; a cause of ours is logged.
    pub(crate) fn body(&self) -> Problem {
        if let Some(cause) = self.cause() {
            tracing::warn!(error = cause, "{self}");
        }
        Problem { error: self.to_string() }
    }

    fn cause(&self) -> Option<&(dyn StdError + 'static)> {
        let (Self::CannotAccept(cause) | Self::CannotAnswer(cause)) = self else { return None };
        Some(&**cause)
    }

    /// What the answer says in its headers.
    fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        let (name, value) = if let Self::MethodNotAllowed(allowed) = self {
            (ALLOW, HeaderValue::from_str(allowed).ok()?)
        } else if matches!(self, Self::ApiToken) {
            (WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
        } else if matches!(self, Self::TektonCredentials) {
            (WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"tekton events\""))
        } else if let Self::TooManyRequests(wait) | Self::Later(_, wait) = self {
            // Never 0: that would be an invitation.
            (RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1))
        } else if self.cause().is_some() || matches!(self, Self::Underway) {
            (RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS))
        } else {
            return None;
        };
        Some((name, value))
    }
}

impl From<receive::Error> for Error {
    fn from(error: receive::Error) -> Self {
        match error {
            receive::Error::TooLarge => Self::TooLarge,
            receive::Error::TooSlow => Self::TooSlow,
            receive::Error::Encoded => Self::UnsupportedContentType,
            receive::Error::Incomplete => Self::IncompleteBody,
            receive::Error::Busy => Self::cannot_accept(error),
        }
    }
}

impl From<Malformed> for Error {
    fn from(_: Malformed) -> Self {
        Self::MalformedJson
    }
}

impl From<tonic::Status> for Error {
    fn from(status: tonic::Status) -> Self {
        Self::of_status(status, "no such app or deploy")
    }
}

impl Error {
    /// The deployer's answers, translated once; `nothing` is said of what it does not find.
    pub(crate) fn of_status(status: tonic::Status, nothing: &'static str) -> Self {
        use tonic::Code;
        match status.code() {
            Code::NotFound => Self::NotFound(nothing),
            Code::FailedPrecondition
            | Code::Aborted
            | Code::AlreadyExists
            | Code::ResourceExhausted => Self::Conflict(status.message().to_owned()),
            Code::InvalidArgument | Code::OutOfRange => Self::Invalid(status.message().to_owned()),
            Code::Ok
            | Code::Cancelled
            | Code::Unknown
            | Code::DeadlineExceeded
            | Code::PermissionDenied
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
            | Code::Unauthenticated => Self::cannot_answer(status),
        }
    }
}

impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::MalformedJson | Self::IncompleteBody | Self::BadRequest(_) => {
                StatusCode::BAD_REQUEST
            }
            Self::NotAuthentic(_)
            | Self::CallbackToken
            | Self::CredentialToken
            | Self::TektonCredentials
            | Self::ApiToken => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NoSource(_) | Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooManyRequests(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Conflict(_) | Self::Underway => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Provider(_) => StatusCode::BAD_GATEWAY,
            Self::NotConfigured(_)
            | Self::Later(..)
            | Self::CannotAccept(_)
            | Self::CannotAnswer(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn error_response(&self) -> HttpResponse {
        let body = self.body();
        let mut response = HttpResponseBuilder::new(self.status_code());
        if let Some(header) = self.header() {
            response.insert_header(header);
        }
        response.json(body)
    }
}

/// Done, with this answer.
pub(crate) fn ok(body: impl Serialize) -> HttpResponse {
    HttpResponse::Ok().json(body)
}

/// Done, with this text.
pub(crate) fn text(content_type: &'static str, body: String) -> HttpResponse {
    HttpResponse::Ok().content_type(content_type).body(body)
}

/// Goes on as long as the stream does. No proxy between is to keep it back.
pub(crate) fn stream(
    content_type: &'static str,
    chunks: impl Stream<Item = Bytes> + 'static,
) -> HttpResponse {
    HttpResponse::Ok()
        .content_type(content_type)
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(("x-accel-buffering", "no"))
        .streaming(chunks.map(Ok::<_, Infallible>))
}

/// Made, and this is it.
pub(crate) fn created(body: impl Serialize) -> HttpResponse {
    HttpResponse::Created().json(body)
}

/// Done, and there is nothing left to say.
pub(crate) fn no_content() -> HttpResponse {
    HttpResponse::NoContent().finish()
}

/// Answered like this before.
pub(crate) fn again(status: u16, body: Vec<u8>) -> HttpResponse {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::OK);
    HttpResponse::build(status).content_type("application/json").body(body)
}

/// Understood; what follows from it happens later, if anything does.
pub(crate) fn accepted(body: impl Serialize) -> HttpResponse {
    HttpResponse::Accepted().json(body)
}

/// Ready for requests, or not.
pub(crate) fn readiness(is_ready: bool, body: impl Serialize) -> HttpResponse {
    if is_ready {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}

#[cfg(test)]
mod tests {
    use tonic::{Code, Status};

    use super::*;

    #[test]
    fn trouble_of_ours_says_when_to_come_back_and_nothing_else() {
        let response = Error::cannot_accept("password authentication failed").error_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(response.headers().contains_key(RETRY_AFTER));
        assert_eq!(Error::cannot_accept("x").to_string(), "cannot accept deliveries now");
    }

    #[test]
    fn the_deployers_answers_are_translated() {
        let status = |code| Error::from(Status::new(code, "why")).status_code();
        assert_eq!(status(Code::NotFound), StatusCode::NOT_FOUND);
        assert_eq!(status(Code::FailedPrecondition), StatusCode::CONFLICT);
        assert_eq!(status(Code::AlreadyExists), StatusCode::CONFLICT);
        assert_eq!(status(Code::ResourceExhausted), StatusCode::CONFLICT);
        assert_eq!(status(Code::InvalidArgument), StatusCode::UNPROCESSABLE_ENTITY);
        for ours in
            [Code::Unavailable, Code::DeadlineExceeded, Code::Internal, Code::Unauthenticated]
        {
            assert_eq!(status(ours), StatusCode::SERVICE_UNAVAILABLE);
        }
    }
}

//! How a request to a provider can end, other than well.

use std::time::Duration;

/// Why a provider did not do what it was asked. No message ever contains a token, a secret or a request's URL.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 401: the token is expired, revoked or wrong.
    #[error("{provider} does not accept the credential: connect again")]
    Unauthorized {
        /// Who.
        provider: &'static str,
    },
    /// 403: the token is good, and not good for this.
    #[error("{provider} does not allow this with the connected account: {message}")]
    Forbidden {
        /// Who.
        provider: &'static str,
        /// What it says, cut.
        message: String,
    },
    /// 404 (or 410): no such thing, or none that the account may see.
    #[error("{provider} knows no such {what}, or the connected account may not see it")]
    NotFound {
        /// Who.
        provider: &'static str,
        /// What was asked for.
        what: &'static str,
    },
    /// 301, 307: it has another name now. No redirect is followed.
    #[error("the {what} has another name at {provider} now: it was renamed or moved")]
    Moved {
        /// Who.
        provider: &'static str,
        /// What was asked for.
        what: &'static str,
    },
    /// The repository has as many webhooks as it may have.
    #[error(
        "the repository has as many webhooks as {provider} allows: remove one that is not used"
    )]
    HookLimit {
        /// Who.
        provider: &'static str,
    },
    /// 429, or 403 with a spent limit.
    #[error("{provider} limits how often it is asked: try again in {} s", .retry_after.as_secs())]
    RateLimited {
        /// Who.
        provider: &'static str,
        /// From now on.
        retry_after: Duration,
    },
    /// Another 4xx: the request is not acceptable, and will not be when it is repeated.
    #[error("{provider} refuses it: {message}")]
    Rejected {
        /// Who.
        provider: &'static str,
        /// What it says, cut.
        message: String,
    },
    /// The token endpoint said no: its error code, for instance `bad_verification_code` or `invalid_grant`.
    #[error("{provider} did not grant access: {code}")]
    Refused {
        /// Who.
        provider: &'static str,
        /// RFC 6749 section 5.2, or the provider's own.
        code: String,
    },
    /// No answer in time, none at all, or 5xx: try again later.
    #[error("{provider} does not answer: {because}")]
    Unavailable {
        /// Who.
        provider: &'static str,
        /// Without the URL.
        because: String,
    },
    /// An answer that is not the documented one.
    #[error("{provider} answered something unexpected: {what}")]
    Unexpected {
        /// Who.
        provider: &'static str,
        /// What is wrong with it.
        what: String,
    },
    /// The administrator has not configured this way of connecting.
    #[error("OAuth provider not configured by admin")]
    NotConfigured,
}

impl Error {
    /// Whether the same request may do better later.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::RateLimited { .. } | Self::Unavailable { .. })
    }
}

//! What a provider's answer means: the status, its limits, and what it says in its own words.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::{
    StatusCode,
    header::{HeaderMap, RETRY_AFTER},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Error;

/// What is quoted of a message at most.
const QUOTED: usize = 200;
/// Where the provider limits us and does not say for how long; and what is believed at most.
const USUAL_PAUSE: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_hours(1);

/// An answer, read to its end.
pub(crate) struct Answer {
    provider: &'static str,
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
    hidden: Vec<SecretString>,
}

impl Answer {
    pub(super) fn new(
        provider: &'static str,
        status: StatusCode,
        headers: HeaderMap,
        body: Vec<u8>,
        hidden: Vec<SecretString>,
    ) -> Self {
        Self { provider, status, headers, body, hidden }
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    /// The answer where it is 2xx.
    pub(crate) fn check(self, what: &'static str) -> Result<Self, Error> {
        if self.status.is_success() { Ok(self) } else { Err(self.error(what)) }
    }

    /// The body, as it is documented.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|_| Error::Unexpected {
            provider: self.provider,
            what: "an answer that is not the documented JSON".to_owned(),
        })
    }

    /// What a status other than 2xx means.
    pub(crate) fn error(&self, what: &'static str) -> Error {
        let provider = self.provider;
        if let Some(retry_after) = self.limit(Timestamp::now()) {
            return Error::RateLimited { provider, retry_after };
        }
        match self.status.as_u16() {
            301 | 302 | 307 | 308 => Error::Moved { provider, what },
            401 => Error::Unauthorized { provider },
            403 => Error::Forbidden { provider, message: self.message() },
            404 | 410 => Error::NotFound { provider, what },
            408 | 500.. => Error::Unavailable { provider, because: self.status.to_string() },
            _ if self.is_hook_limit() => Error::HookLimit { provider },
            400.. => Error::Rejected { provider, message: self.message() },
            _ => Error::Unexpected { provider, what: self.status.to_string() },
        }
    }

    /// For how long we are to leave it alone. GitHub: 403 or 429, with `retry-after` or a limit that is spent
    /// (<https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api>); GitLab: 429 with
    /// `Retry-After` and `RateLimit-Reset` (<https://docs.gitlab.com/security/rate_limits/>).
    fn limit(&self, now: Timestamp) -> Option<Duration> {
        let number = |name: &str| self.headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
        let asked = number(RETRY_AFTER.as_str());
        let is_spent = ["x-ratelimit-remaining", "ratelimit-remaining"]
            .iter()
            .any(|name| number(name) == Some(0));
        match self.status {
            StatusCode::TOO_MANY_REQUESTS => {}
            StatusCode::FORBIDDEN if asked.is_some() || is_spent => {}
            _ => return None,
        }
        let reset = ["x-ratelimit-reset", "ratelimit-reset"].iter().find_map(|name| number(name));
        let now = u64::try_from(now.as_second()).unwrap_or_default();
        let pause = asked.or_else(|| reset.map(|reset| reset.saturating_sub(now)));
        let pause = pause.map_or(USUAL_PAUSE, |seconds| Duration::from_secs(seconds.max(1)));
        Some(pause.min(LONGEST_PAUSE))
    }

    /// GitHub: 422 `The "push" event cannot have more than 20 hooks`; GitLab: `Maximum number of project hooks (100) exceeded`.
    fn is_hook_limit(&self) -> bool {
        let message = self.message();
        message.contains("hooks")
            && (message.contains("cannot have more than") || message.contains("Maximum number of"))
    }

    /// What the provider says, cut, on one line, and without what we sent in confidence.
    pub(crate) fn message(&self) -> String {
        let said = match serde_json::from_slice::<Value>(&self.body) {
            Ok(body) => words(&body),
            Err(_) => String::new(),
        };
        let mut said = if said.is_empty() { self.status.to_string() } else { said };
        for secret in &self.hidden {
            if !secret.expose_secret().is_empty() {
                said = said.replace(secret.expose_secret(), "…");
            }
        }
        said.chars().map(|c| if c.is_control() { ' ' } else { c }).take(QUOTED).collect()
    }
}

/// The sentences of an error: `message` (GitLab: sometimes an object of lists), `errors[].message`, `error`.
fn words(body: &Value) -> String {
    let mut found = Vec::new();
    for name in ["message", "error_description", "error", "errors"] {
        if let Some(value) = body.get(name) {
            sentences(value, &mut found);
        }
    }
    found.join(": ")
}

fn sentences<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(list) => list.iter().for_each(|value| sentences(value, found)),
        Value::Object(fields) => match fields.get("message") {
            Some(message) => sentences(message, found),
            None => fields.values().for_each(|value| sentences(value, found)),
        },
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use reqwest::header::HeaderName;

    use super::*;

    fn answer(status: u16, headers: &[(&'static str, &str)], body: &str) -> Answer {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()))
            .collect();
        let status = StatusCode::from_u16(status).unwrap();
        Answer::new("GitHub", status, headers, body.into(), vec!["hush".into()])
    }

    fn error(status: u16, headers: &[(&'static str, &str)], body: &str) -> Error {
        answer(status, headers, body).error("repository")
    }

    #[test]
    fn a_status_has_one_meaning() {
        assert!(matches!(error(401, &[], ""), Error::Unauthorized { .. }));
        assert!(matches!(error(403, &[], ""), Error::Forbidden { .. }));
        assert!(matches!(error(404, &[], ""), Error::NotFound { what: "repository", .. }));
        assert!(matches!(error(410, &[], ""), Error::NotFound { .. }));
        assert!(matches!(error(301, &[], ""), Error::Moved { .. }));
        assert!(matches!(error(422, &[], ""), Error::Rejected { .. }));
        assert!(matches!(error(502, &[], ""), Error::Unavailable { .. }));
    }

    #[test]
    fn a_spent_limit_says_when_to_come_back() {
        let now = Timestamp::from_second(1_000).unwrap();
        let spent = [("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1030")];
        assert_eq!(answer(403, &spent, "").limit(now), Some(Duration::from_secs(30)));
        let asked = [("retry-after", "7"), ("ratelimit-reset", "1030")];
        assert_eq!(answer(429, &asked, "").limit(now), Some(Duration::from_secs(7)));
        let gitlab = [("ratelimit-reset", "1012")];
        assert_eq!(answer(429, &gitlab, "").limit(now), Some(Duration::from_secs(12)));
        assert_eq!(answer(429, &[], "").limit(now), Some(USUAL_PAUSE));
        let absurd = [("retry-after", "99999999")];
        assert_eq!(answer(429, &absurd, "").limit(now), Some(LONGEST_PAUSE));
    }

    #[test]
    fn a_refusal_is_no_limit() {
        let now = Timestamp::from_second(1_000).unwrap();
        let left = [("x-ratelimit-remaining", "4999"), ("x-ratelimit-reset", "1030")];
        assert_eq!(answer(403, &left, "").limit(now), None);
        assert_eq!(answer(404, &[("x-ratelimit-remaining", "0")], "").limit(now), None);
    }

    #[test]
    fn a_full_list_of_webhooks_is_told_from_another_refusal() {
        let github = r#"{"message":"Validation Failed","errors":[{"resource":"Hook","code":"custom",
            "message":"The \"push\" event cannot have more than 20 hooks"}]}"#;
        assert!(matches!(error(422, &[], github), Error::HookLimit { .. }));
        let gitlab = r#"{"message":{"base":["Maximum number of project hooks (100) exceeded"]}}"#;
        assert!(matches!(error(400, &[], gitlab), Error::HookLimit { .. }));
        let other =
            r#"{"message":"Validation Failed","errors":[{"message":"Hook already exists"}]}"#;
        assert!(matches!(error(422, &[], other), Error::Rejected { message, .. }
            if message == "Validation Failed: Hook already exists"));
    }

    #[test]
    fn a_message_is_cut_and_keeps_our_secrets() {
        let body = format!(r#"{{"message":"bad token hush\n{}"}}"#, "x".repeat(999));
        let message = answer(400, &[], &body).message();
        assert!(message.starts_with("bad token … x"), "{message}");
        assert_eq!(message.chars().count(), QUOTED);
        assert_eq!(answer(422, &[], "<html>").message(), "422 Unprocessable Entity");
    }
}

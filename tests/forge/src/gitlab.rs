//! GitLab: <https://docs.gitlab.com/api/rest/> and its OAuth.

mod hooks;
mod projects;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    LOGIN, Options,
    answer::Answer,
    client_id, client_secret,
    oauth::{self, Problem},
    request::Call,
    routes::Outcome,
    state::State,
};

/// Any request below `/gitlab`.
pub(crate) fn answer(state: &mut State, options: &Options, call: &Call) -> Outcome {
    let parts = call.parts();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", ["oauth", "authorize"]) => oauth::authorize(state, options, call).into(),
        ("POST", ["oauth", "token"]) => token(state, call).into(),
        ("POST", ["oauth", "revoke"]) => revoke(state, call).into(),
        (_, ["api", "v4", path @ ..]) => {
            let mut outcome = api(state, call, path);
            let reset = Timestamp::now().as_second() + 60;
            outcome.answer = outcome
                .answer
                .with("ratelimit-limit", 2000)
                .with("ratelimit-remaining", 1999)
                .with("ratelimit-reset", reset);
            outcome
        }
        _ => Answer::html(404, "The page could not be found").into(),
    }
}

fn token(state: &mut State, call: &Call) -> Answer {
    let token = match oauth::token(state, call) {
        Ok(token) => token,
        Err(problem) => return refused(problem),
    };
    let answer = json!({
        "access_token": token.access,
        "token_type": "Bearer",
        "expires_in": token.expires_in(),
        "refresh_token": token.refresh,
        "scope": token.scopes,
        "created_at": token.issued_at.as_second(),
    });
    Answer::json(200, answer).with("cache-control", "no-store").with("pragma", "no-cache")
}

fn refused(problem: Problem) -> Answer {
    let (status, error, description) = match problem {
        Problem::Client => (
            401,
            "invalid_client",
            "Client authentication failed due to unknown client, no client authentication included, or unsupported authentication method.",
        ),
        Problem::GrantType => (
            400,
            "unsupported_grant_type",
            "The authorization grant type is not supported by the authorization server.",
        ),
        Problem::Code | Problem::Redirect | Problem::Verifier | Problem::Refresh => (
            400,
            "invalid_grant",
            "The provided authorization grant is invalid, expired, revoked, does not match the redirection URI used in the authorization request, or was issued to another client.",
        ),
    };
    Answer::json(status, json!({ "error": error, "error_description": description }))
}

/// RFC 7009: a token that is not there is no error.
fn revoke(state: &mut State, call: &Call) -> Answer {
    let mut parameters = call.parameters();
    if let Some((id, secret)) = call.basic() {
        parameters.insert("client_id".to_owned(), id);
        parameters.insert("client_secret".to_owned(), secret);
    }
    let is = |name: &str, wanted: &str| parameters.get(name).is_some_and(|text| text == wanted);
    let (id, secret) = (client_id(call.provider), client_secret(call.provider));
    if !is("client_id", &id) || !is("client_secret", &secret) {
        let words = "You are not authorized to revoke this token";
        return Answer::json(
            403,
            json!({ "error": "unauthorized_client", "error_description": words }),
        );
    }
    if let Some(token) = parameters.get("token") {
        state.revoke(call.provider, token);
    }
    Answer::json(200, json!({}))
}

fn api(state: &mut State, call: &Call, path: &[&str]) -> Outcome {
    if !call.body.is_empty() && call.content_type() != "application/json" && !call.is_form() {
        let words =
            format!("The provided content-type '{}' is not supported.", call.content_type());
        return Answer::json(415, json!({ "error": words })).into();
    }
    if call.content_type() == "application/json" && !call.body.is_empty() && call.object().is_none()
    {
        return Answer::json(
            400,
            json!({ "message": "400 Bad request - The request body is not valid JSON" }),
        )
        .into();
    }
    let token = match state.token_of(call) {
        Some(token) if token.is_good() => token.clone(),
        Some(token) => {
            let words = if token.is_revoked {
                "Token was revoked. You have to re-authorize from the user."
            } else {
                "Token is expired. You can either do re-authorization or token refresh."
            };
            let body = json!({ "error": "invalid_token", "error_description": words });
            return Answer::json(401, body).into();
        }
        None if call.token().is_some() => return message(401, "401 Unauthorized").into(),
        None => return projects::public(state, call, path).into(),
    };
    let is_read = call.method == "GET";
    let may_read = is_read && token.has_scope(&["read_api"]);
    if !may_read && !token.has_scope(&["api"]) {
        let body = json!({
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided by the access token.",
            "scope": "api",
        });
        return Answer::json(403, body).into();
    }
    match (call.method.as_str(), path) {
        ("GET", ["user"]) => Answer::json(200, user()).into(),
        ("DELETE", ["personal_access_tokens", "self"]) => {
            state.revoke(call.provider, &token.access);
            Answer::empty(204).into()
        }
        (_, ["projects", project, "hooks", rest @ ..]) => hooks::answer(state, call, project, rest),
        (_, ["projects", project, rest @ ..]) => {
            projects::answer(state, call, project, rest).into()
        }
        _ => message(404, "404 Not Found").into(),
    }
}

fn user() -> Value {
    json!({
        "id": 4, "username": LOGIN, "name": "Octo Cat", "state": "active", "locked": false,
        "web_url": format!("https://gitlab.example.com/{LOGIN}"),
    })
}

/// An error as GitLab words it.
fn message(status: u16, text: &str) -> Answer {
    Answer::json(status, json!({ "message": text }))
}

/// Asked too often.
pub(crate) fn limited(seconds: i64) -> Answer {
    Answer::text(429, "text/plain", "Retry later\n")
        .with("retry-after", seconds)
        .with("ratelimit-limit", 2000)
        .with("ratelimit-remaining", 0)
        .with("ratelimit-reset", Timestamp::now().as_second() + seconds)
}

/// A field of the body, which is JSON or a form.
fn field(call: &Call, name: &str) -> Option<Value> {
    if call.is_form() {
        return call.parameters().get(name).map(|text| match text.as_str() {
            "true" => true.into(),
            "false" => false.into(),
            text => text.into(),
        });
    }
    let body = call.object().and_then(|mut body| body.get_mut(name).map(Value::take));
    // Grape takes parameters of the query as well.
    body.or_else(|| call.parameter(name).map(Value::from)).filter(|value| !value.is_null())
}

fn text(call: &Call, name: &str) -> Option<String> {
    Some(field(call, name)?.as_str()?.to_owned())
}

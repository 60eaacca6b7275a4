//! GitHub: <https://docs.github.com/en/rest> and its OAuth.

mod app;
mod hooks;
mod repos;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    LOGIN, Options,
    answer::Answer,
    client_id, client_secret,
    oauth::{self, Problem, Token},
    request::Call,
    routes::Outcome,
    state::State,
};

/// What is left of a limit that nobody reaches.
const REMAINING: u32 = 4_999;

/// Any request below `/github`.
pub(crate) fn answer(state: &mut State, options: &Options, call: &Call) -> Outcome {
    let parts = call.parts();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", ["login", "oauth", "authorize"]) => oauth::authorize(state, options, call).into(),
        ("POST", ["login", "oauth", "access_token"]) => token(state, call).into(),
        (_, ["api", rest @ ..]) => api(state, call, rest),
        _ => Answer::html(404, "Page not found").into(),
    }
}

/// The token endpoint: errors come as 200.
fn token(state: &mut State, call: &Call) -> Answer {
    let fields = match oauth::token(state, call) {
        Ok(token) => granted(&token),
        Err(problem) => {
            let (error, description) = match problem {
                Problem::Client => (
                    "incorrect_client_credentials",
                    "The client_id and/or client_secret passed are incorrect.",
                ),
                Problem::Redirect => (
                    "redirect_uri_mismatch",
                    "The redirect_uri MUST match the registered callback URL for this application.",
                ),
                Problem::Refresh => {
                    ("bad_refresh_token", "The refresh token passed is incorrect or expired.")
                }
                Problem::GrantType => {
                    ("unsupported_grant_type", "The grant type is not supported.")
                }
                Problem::Code | Problem::Verifier => {
                    ("bad_verification_code", "The code passed is incorrect or expired.")
                }
            };
            let uri = "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors/";
            json!({ "error": error, "error_description": description, "error_uri": uri })
        }
    };
    if call.header("accept").contains("application/json") {
        return Answer::json(200, fields);
    }
    let mut form = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields.as_object().into_iter().flatten() {
        form.append_pair(name, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    Answer::text(200, "application/x-www-form-urlencoded; charset=utf-8", form.finish())
}

fn granted(token: &Token) -> Value {
    let scope = token.scopes.replace(' ', ",");
    let mut fields =
        json!({ "access_token": token.access, "token_type": "bearer", "scope": scope });
    if let (Some(refresh), Some(seconds)) = (&token.refresh, token.expires_in()) {
        fields["refresh_token"] = refresh.clone().into();
        fields["expires_in"] = seconds.into();
        fields["refresh_token_expires_in"] = 15_897_600.into();
    }
    fields
}

/// The API, below `/github/api`.
fn api(state: &mut State, call: &Call, path: &[&str]) -> Outcome {
    if call.header("user-agent").is_empty() {
        let words = "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.";
        return Answer::text(403, "text/html", words).into();
    }
    let version = call.header("x-github-api-version");
    if !["", "2022-11-28", "2026-03-10"].contains(&version) {
        return refusal(400, "The API version is not supported.").into();
    }
    if !call.body.is_empty() && call.object().is_none() {
        return refusal(400, "Problems parsing JSON").into();
    }
    let mut outcome = match path {
        ["applications", id, "token"] => revoke(state, call, id).into(),
        ["app", rest @ ..] => app::answer(state, call, rest).into(),
        _ => match state.token_of(call) {
            Some(token) if token.is_good() => {
                let token = token.clone();
                with_token(state, call, &token, path)
            }
            Some(_) | None if call.token().is_some() => refusal(401, "Bad credentials").into(),
            _ => repos::public(state, call, path).into(),
        },
    };
    let reset = Timestamp::now().as_second() + 3600;
    outcome.answer = outcome
        .answer
        .with("x-github-media-type", "github.v3; format=json")
        .with("x-ratelimit-limit", REMAINING + 1)
        .with("x-ratelimit-remaining", REMAINING)
        .with("x-ratelimit-reset", reset);
    outcome
}

fn with_token(state: &mut State, call: &Call, token: &Token, path: &[&str]) -> Outcome {
    match (call.method.as_str(), path) {
        ("GET", ["user"]) if token.kind == oauth::Kind::Installation => {
            refusal(403, "Resource not accessible by integration").into()
        }
        ("GET", ["user"]) => {
            Answer::json(200, user()).with("x-oauth-scopes", token.scopes.replace(' ', ", ")).into()
        }
        (_, ["repos", owner, name, "hooks", rest @ ..]) => {
            hooks::answer(state, call, token, &format!("{owner}/{name}"), rest)
        }
        (_, ["repos", owner, name, rest @ ..]) => {
            repos::answer(state, call, &format!("{owner}/{name}"), rest).into()
        }
        (_, ["repositories", id, "hooks", rest @ ..]) => {
            hooks::answer(state, call, token, id, rest)
        }
        (_, ["repositories", id, rest @ ..]) => repos::answer(state, call, id, rest).into(),
        _ => not_found().into(),
    }
}

/// `DELETE /applications/{client_id}/token`, with the client's own credentials.
fn revoke(state: &mut State, call: &Call, id: &str) -> Answer {
    let expected = (client_id(call.provider), client_secret(call.provider));
    if call.basic().as_ref() != Some(&expected) || id != expected.0 {
        return not_found();
    }
    if call.method != "DELETE" {
        return not_found();
    }
    let Some(object) = call.object() else { return refusal(422, "Invalid request.") };
    let token = object["access_token"].as_str().unwrap_or_default();
    if state.revoke(call.provider, token) { Answer::empty(204) } else { not_found() }
}

fn user() -> Value {
    json!({
        "login": LOGIN,
        "id": 21_031_067,
        "node_id": "MDQ6VXNlcjIxMDMxMDY3",
        "type": "User",
        "site_admin": false,
        "name": "Octo Cat",
        "email": null,
    })
}

/// An error as GitHub words it.
pub(crate) fn refusal(status: u16, message: &str) -> Answer {
    Answer::json(
        status,
        json!({
            "message": message,
            "documentation_url": "https://docs.github.com/rest",
            "status": status.to_string(),
        }),
    )
}

fn not_found() -> Answer {
    refusal(404, "Not Found")
}

/// 422 about one field, in GitHub's words.
fn invalid(resource: &str, field: Option<&str>, message: &str) -> Answer {
    let mut error = json!({ "resource": resource, "code": "custom", "message": message });
    if let Some(field) = field {
        error["field"] = field.into();
    }
    Answer::json(
        422,
        json!({
            "message": "Validation Failed",
            "errors": [error],
            "documentation_url": "https://docs.github.com/rest",
            "status": "422",
        }),
    )
}

/// Asked too often.
pub(crate) fn limited(seconds: i64, is_secondary: bool) -> Answer {
    if is_secondary {
        return refusal(429, "You have exceeded a secondary rate limit.")
            .with("retry-after", seconds);
    }
    refusal(403, "API rate limit exceeded for user ID 21031067.")
        .with("x-ratelimit-limit", REMAINING + 1)
        .with("x-ratelimit-remaining", 0)
        .with("x-ratelimit-reset", Timestamp::now().as_second() + seconds)
}

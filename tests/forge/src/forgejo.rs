//! Forgejo and Gitea: <https://codeberg.org/api/swagger> and their OAuth.

mod hooks;
mod repos;

use serde_json::{Value, json};

use crate::{
    LOGIN, Options,
    answer::Answer,
    oauth::{self, Problem, Token},
    request::Call,
    routes::Outcome,
    state::State,
};

/// Any request below `/forgejo`.
pub(crate) fn answer(state: &mut State, options: &Options, call: &Call) -> Outcome {
    let parts = call.parts();
    match (call.method.as_str(), parts.as_slice()) {
        ("GET", ["login", "oauth", "authorize"]) => oauth::authorize(state, options, call).into(),
        ("POST", ["login", "oauth", "access_token"]) => token(state, call).into(),
        (_, ["api", "v1", rest @ ..]) => api(state, call, rest),
        _ => Answer::html(404, "Page Not Found").into(),
    }
}

fn token(state: &mut State, call: &Call) -> Answer {
    let token = match oauth::token(state, call) {
        Ok(token) => token,
        Err(problem) => return refused(problem),
    };
    Answer::json(
        200,
        json!({
            "access_token": token.access,
            "token_type": "bearer",
            "expires_in": token.expires_in(),
            "refresh_token": token.refresh,
        }),
    )
}

fn refused(problem: Problem) -> Answer {
    let (error, description) = match problem {
        Problem::Client => ("unauthorized_client", "invalid client secret"),
        Problem::Code => ("unauthorized_client", "client is not authorized"),
        Problem::Redirect => ("unauthorized_client", "unexpected redirect URI"),
        Problem::Verifier => ("unauthorized_client", "failed PKCE code challenge"),
        Problem::Refresh => ("unauthorized_client", "token was already used"),
        Problem::GrantType => (
            "unsupported_grant_type",
            "Only refresh_token or authorization_code grant type is supported",
        ),
    };
    Answer::json(400, json!({ "error": error, "error_description": description }))
}

fn api(state: &mut State, call: &Call, path: &[&str]) -> Outcome {
    if !call.body.is_empty() && call.content_type() != "application/json" && !call.is_form() {
        let words = if call.content_type().is_empty() {
            "Empty Content-Type"
        } else {
            "Unsupported Content-Type"
        };
        return refusal(call, 422, words).into();
    }
    if !call.body.is_empty() && call.object().is_none() {
        return refusal(call, 422, "invalid JSON").into();
    }
    let token = match state.token_of(call) {
        Some(token) if token.is_good() => token.clone(),
        Some(_) => return refusal(call, 401, "token is expired or was revoked").into(),
        None if call.token().is_some() => {
            return refusal(call, 401, "user does not exist [uid: 0, name: ]").into();
        }
        None => return repos::public(state, call, path).into(),
    };
    if !may(&token, call) {
        let words = "token does not have at least one of required scope(s)";
        return refusal(call, 403, words).into();
    }
    match (call.method.as_str(), path) {
        ("GET", ["user"]) => Answer::json(200, user()).into(),
        (_, ["repos", owner, name, "hooks", rest @ ..]) => {
            hooks::answer(state, call, &format!("{owner}/{name}"), rest)
        }
        (_, ["repos", owner, name, rest @ ..]) => {
            repos::answer(state, call, &format!("{owner}/{name}"), rest).into()
        }
        _ => refusal(call, 404, "not found").into(),
    }
}

/// Whether the token's scopes are good for this; without any they are good for everything.
fn may(token: &Token, call: &Call) -> bool {
    let area = if call.parts().contains(&"user") { "user" } else { "repository" };
    let (read, write) = (format!("read:{area}"), format!("write:{area}"));
    let reads = call.method == "GET" && token.has_scope(&[&read]);
    token.scopes.trim().is_empty() || token.has_scope(&["all", &write]) || reads
}

fn user() -> Value {
    json!({
        "id": 4, "login": LOGIN, "login_name": "", "full_name": "Octo Cat",
        "email": "octo@example.com", "username": LOGIN, "is_admin": false, "active": true,
    })
}

/// An error as Forgejo words it.
fn refusal(call: &Call, status: u16, text: &str) -> Answer {
    let url = format!("{}/forgejo/api/swagger", call.origin);
    Answer::json(status, json!({ "message": text, "url": url }))
}

/// Asked too often: Forgejo has no limits of its own, a proxy before it may.
pub(crate) fn limited(seconds: i64) -> Answer {
    Answer::text(429, "text/plain", "Too Many Requests\n").with("retry-after", seconds)
}

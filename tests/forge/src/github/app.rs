//! GitHub Apps: the shape of their tokens is checked, their signature is not.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{not_found, refusal};
use crate::{
    INSTALLATION, LOGIN,
    answer::Answer,
    oauth::{self, Kind},
    request::Call,
    state::{Provider, State},
};

/// A token may not be good for longer, in seconds.
const LONGEST: i64 = 600;

/// Below `/app`.
pub(super) fn answer(state: &mut State, call: &Call, path: &[&str]) -> Answer {
    if let Err(words) = check(call.token().unwrap_or_default()) {
        return refusal(401, words);
    }
    let installation = INSTALLATION.to_string();
    match (call.method.as_str(), path) {
        ("GET", ["installations", id]) if *id == installation => Answer::json(
            200,
            json!({
                "id": INSTALLATION,
                "account": { "login": LOGIN, "id": 21_031_067, "type": "User" },
                "target_type": "User",
                "repository_selection": "all",
                "permissions": permissions(),
                "events": ["push"],
                "suspended_at": null,
            }),
        ),
        ("POST", ["installations", id, "access_tokens"]) if *id == installation => {
            let token = oauth::issue(state, Provider::Github, Kind::Installation, "");
            Answer::json(
                201,
                json!({
                    "token": token.access,
                    "expires_at": token.expires_at,
                    "permissions": permissions(),
                    "repository_selection": "all",
                }),
            )
        }
        _ => not_found(),
    }
}

fn permissions() -> Value {
    json!({ "contents": "read", "metadata": "read", "repository_hooks": "write", "statuses": "write" })
}

fn check(token: &str) -> Result<(), &'static str> {
    const UNREADABLE: &str = "A JSON web token could not be decoded";
    let parts: Vec<_> = token.split('.').collect();
    let [header, claims, signature] = parts.as_slice() else { return Err(UNREADABLE) };
    let read = |part: &str| -> Option<Value> {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
    };
    let (Some(header), Some(claims)) = (read(header), read(claims)) else { return Err(UNREADABLE) };
    if header["alg"] != "RS256" || URL_SAFE_NO_PAD.decode(signature).is_ok_and(|s| s.len() < 128) {
        return Err(UNREADABLE);
    }
    if claims["iss"].as_str().unwrap_or_default().is_empty() && !claims["iss"].is_number() {
        return Err("'Issuer' claim ('iss') must be an Integer");
    }
    let now = Timestamp::now().as_second();
    let (Some(issued), Some(end)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
        return Err(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        );
    };
    if issued > now {
        return Err(
            "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
        );
    }
    if end > now + LONGEST {
        return Err("'Expiration time' claim ('exp') is too far in the future");
    }
    if end <= now {
        return Err(
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires",
        );
    }
    Ok(())
}

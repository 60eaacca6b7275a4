//! GitHub's webhooks and their deliveries.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{invalid, not_found, refusal, repos};
use crate::{
    answer::Answer,
    dispatch::Dispatch,
    oauth::Token,
    request::Call,
    routes::Outcome,
    state::{Attempt, Hook, Provider, Repo, State},
};

/// So many hooks of one event may a repository have.
const LIMIT: usize = 20;
const PAGE: usize = 30;
const LARGEST_PAGE: usize = 100;

/// Below `/repos/{owner}/{name}/hooks`.
pub(super) fn answer(
    state: &mut State,
    call: &Call,
    token: &Token,
    name: &str,
    path: &[&str],
) -> Outcome {
    if let Some(moved) = repos::moved(state, call, name) {
        return moved.into();
    }
    let scopes = ["repo", "admin:repo_hook", "write:repo_hook", "read:repo_hook"];
    let limit = state.switches.github.hook_limit.unwrap_or(LIMIT);
    let id = state.next_id();
    let Some(repo) = state.repo(Provider::Github, name) else { return not_found().into() };
    // Who may not manage hooks is told that there are none.
    if !repo.visible || !repo.permissions.admin || !token.has_scope(&scopes) {
        return not_found().into();
    }
    match (call.method.as_str(), path) {
        ("GET", []) => list(repo, call).into(),
        ("POST", []) => create(repo, call, id, limit),
        (_, [hook, rest @ ..]) => {
            let whole = repo.clone();
            match repo.hook(hook) {
                Some(hook) => one(&whole, hook, call, rest),
                None => not_found().into(),
            }
        }
        _ => not_found().into(),
    }
}

fn one(repo: &Repo, hook: &mut Hook, call: &Call, path: &[&str]) -> Outcome {
    match (call.method.as_str(), path) {
        ("GET", []) => Answer::json(200, shown(repo, hook, call)).into(),
        ("PATCH", []) => update(repo, hook, call).into(),
        ("DELETE", []) => {
            let mut outcome = Outcome::from(Answer::empty(204));
            outcome.removes_hook = Some((repo.id, hook.id));
            outcome
        }
        ("GET", ["config"]) => Answer::json(200, config(hook)).into(),
        ("PATCH", ["config"]) => {
            if let Err(answer) = set_config(hook, &call.object().unwrap_or_default()) {
                return answer.into();
            }
            Answer::json(200, config(hook)).into()
        }
        ("POST", ["pings"]) => dispatched(Answer::empty(204), Dispatch::ping(repo, hook)),
        ("GET", ["deliveries"]) => deliveries(hook, call).into(),
        ("GET", ["deliveries", id]) => match hook.attempts.iter().find(|a| a.id.to_string() == *id)
        {
            Some(attempt) => Answer::json(200, whole_attempt(attempt)).into(),
            None => not_found().into(),
        },
        ("POST", ["deliveries", id, "attempts"]) => {
            match hook.attempts.iter().find(|attempt| attempt.id.to_string() == *id) {
                Some(attempt) => {
                    dispatched(Answer::json(202, json!({})), Dispatch::again(repo, hook, attempt))
                }
                None => not_found().into(),
            }
        }
        _ => not_found().into(),
    }
}

fn dispatched(answer: Answer, dispatch: Dispatch) -> Outcome {
    let mut outcome = Outcome::from(answer);
    outcome.dispatches.push(dispatch);
    outcome
}

fn list(repo: &Repo, call: &Call) -> Answer {
    let number = |name: &str| call.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let page = number("page").unwrap_or(1).max(1);
    let hooks: Vec<_> = repo.hooks.iter().map(|hook| shown(repo, hook, call)).collect();
    let last = hooks.len().div_ceil(size).max(1);
    let shown: Vec<_> = hooks.into_iter().skip((page - 1) * size).take(size).collect();
    let answer = Answer::json(200, Value::from(shown));
    if page >= last {
        return answer;
    }
    let base = format!("{}/github/api/repositories/{}/hooks?per_page={size}", call.origin, repo.id);
    let next = page + 1;
    answer.with(
        "link",
        format!("<{base}&page={next}>; rel=\"next\", <{base}&page={last}>; rel=\"last\""),
    )
}

fn create(repo: &mut Repo, call: &Call, id: u64, limit: usize) -> Outcome {
    let body = call.object().unwrap_or_default();
    if body["name"].as_str().is_some_and(|name| name != "web") {
        return invalid("Hook", Some("name"), "name must be \"web\"").into();
    }
    let now = Timestamp::now();
    let mut hook = Hook {
        id,
        url: String::new(),
        // What GitHub takes when nobody says.
        content_type: "form".to_owned(),
        secret: None,
        signing_token: None,
        verifies_tls: true,
        active: body["active"].as_bool().unwrap_or(true),
        events: events(&body["events"]).unwrap_or_else(|| BTreeSet::from(["push".to_owned()])),
        kind: "web".to_owned(),
        failures: 0,
        disabled_until: None,
        disabled: false,
        created_at: now,
        updated_at: now,
        attempts: Vec::new(),
    };
    if let Err(answer) = set_config(&mut hook, &body["config"]) {
        return answer.into();
    }
    if hook.url.is_empty() {
        return invalid("Hook", Some("url"), "url is missing").into();
    }
    let is_same = |other: &Hook| {
        other.url == hook.url
            && other.content_type == hook.content_type
            && other.events == hook.events
    };
    if repo.hooks.iter().any(is_same) {
        return invalid("Hook", None, "Hook already exists on this repository").into();
    }
    if repo.hooks.len() >= limit {
        let words = format!("The \"push\" event cannot have more than {limit} hooks");
        return invalid("Hook", None, &words).into();
    }
    repo.hooks.push(hook.clone());
    let answer = Answer::json(201, shown(repo, &hook, call));
    if hook.active { dispatched(answer, Dispatch::ping(repo, &hook)) } else { answer.into() }
}

fn update(repo: &Repo, hook: &mut Hook, call: &Call) -> Answer {
    let body = call.object().unwrap_or_default();
    if body["config"].is_object() {
        // `config` replaces the whole: a secret that is not named is gone.
        (hook.secret, hook.content_type) = (None, "form".to_owned());
        if let Err(answer) = set_config(hook, &body["config"]) {
            return answer;
        }
    }
    if let Some(events) = events(&body["events"]) {
        hook.events = events;
    }
    let more = events(&body["add_events"]).unwrap_or_default();
    hook.events.extend(more);
    for event in events(&body["remove_events"]).unwrap_or_default() {
        hook.events.remove(&event);
    }
    if let Some(active) = body["active"].as_bool() {
        hook.active = active;
    }
    hook.updated_at = Timestamp::now();
    Answer::json(200, shown(repo, hook, call))
}

fn events(list: &Value) -> Option<BTreeSet<String>> {
    let list = list.as_array().filter(|list| !list.is_empty())?;
    Some(list.iter().filter_map(|event| event.as_str().map(str::to_owned)).collect())
}

fn set_config(hook: &mut Hook, config: &Value) -> Result<(), Answer> {
    // A number does where a text is meant.
    let text = |name: &str| {
        let value = &config[name];
        let number = value.as_u64().map(|number| number.to_string());
        value.as_str().map(str::to_owned).or(number)
    };
    if let Some(url) = text("url") {
        if !url.starts_with("http://") && !url.starts_with("https://") {
            return Err(refusal(422, "Validation Failed"));
        }
        hook.url = url;
    }
    if let Some(content_type) = text("content_type") {
        if !["json", "form"].contains(&content_type.as_str()) {
            return Err(invalid("Hook", Some("content_type"), "content_type is not supported"));
        }
        hook.content_type = content_type;
    }
    if let Some(secret) = text("secret") {
        hook.secret = Some(secret).filter(|secret| !secret.is_empty());
    }
    if let Some(insecure) = text("insecure_ssl") {
        hook.verifies_tls = insecure == "0";
    }
    Ok(())
}

fn config(hook: &Hook) -> Value {
    let mut config = json!({
        "content_type": hook.content_type,
        "insecure_ssl": if hook.verifies_tls { "0" } else { "1" },
        "url": hook.url,
    });
    if hook.secret.is_some() {
        config["secret"] = "********".into();
    }
    config
}

fn shown(repo: &Repo, hook: &Hook, call: &Call) -> Value {
    let url = format!("{}/github/api/repos/{}/hooks/{}", call.origin, repo.full_name, hook.id);
    let last = match hook.attempts.last() {
        None => json!({ "code": null, "status": "unused", "message": null }),
        Some(attempt) if attempt.is_success() => {
            json!({ "code": attempt.status_code, "status": "active", "message": "OK" })
        }
        Some(attempt) => {
            json!({ "code": code(attempt), "status": "misconfigured", "message": attempt.status })
        }
    };
    json!({
        "type": "Repository",
        "id": hook.id,
        "name": "web",
        "active": hook.active,
        "events": hook.events,
        "config": config(hook),
        "updated_at": hook.updated_at,
        "created_at": hook.created_at,
        "url": url,
        "test_url": format!("{url}/test"),
        "ping_url": format!("{url}/pings"),
        "deliveries_url": format!("{url}/deliveries"),
        "last_response": last,
    })
}

/// The list of attempts, newest first, by cursor.
fn deliveries(hook: &Hook, call: &Call) -> Answer {
    let size = call.parameter("per_page").and_then(|text| text.parse::<usize>().ok());
    let size = size.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let before = call.parameter("cursor").and_then(|text| text.parse::<u64>().ok());
    let wanted = |attempt: &&Attempt| before.is_none_or(|before| attempt.id < before);
    let mut attempts: Vec<_> = hook.attempts.iter().rev().filter(wanted).collect();
    let has_more = attempts.len() > size;
    attempts.truncate(size);
    let answer = Answer::json(200, attempts.iter().map(|a| attempt(a)).collect::<Vec<_>>());
    match attempts.last().filter(|_| has_more) {
        Some(last) => {
            let url = format!("{}/github{}", call.origin, call.path);
            answer.with("link", format!("<{url}?per_page={size}&cursor={}>; rel=\"next\"", last.id))
        }
        None => answer,
    }
}

/// GitHub tells a host that it does not reach as a gateway would.
fn code(attempt: &Attempt) -> u16 {
    match (attempt.status_code, attempt.status.as_str()) {
        (0, "timed out") => 504,
        (0, _) => 502,
        (code, _) => code,
    }
}

fn attempt(attempt: &Attempt) -> Value {
    json!({
        "id": attempt.id,
        "guid": attempt.guid,
        "delivered_at": attempt.at,
        "redelivery": attempt.redelivery,
        "duration": 0.03,
        "status": attempt.status,
        "status_code": code(attempt),
        "event": attempt.event,
        "action": null,
        "installation_id": null,
        "repository_id": null,
        "throttled_at": null,
    })
}

fn whole_attempt(of: &Attempt) -> Value {
    let mut whole = attempt(of);
    let payload: Value = serde_json::from_slice(&of.delivery.body).unwrap_or_default();
    whole["url"] = Value::Null;
    whole["request"] = json!({ "headers": of.delivery.headers, "payload": payload });
    whole["response"] = json!({ "headers": {}, "payload": of.answer.to_string() });
    whole
}

//! Forgejo's webhooks.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{refusal, repos};
use crate::{
    answer::Answer,
    deliveries::{NO_COMMIT, Push},
    dispatch::Dispatch,
    request::Call,
    routes::Outcome,
    state::{Hook, Provider, Repo, State},
};

const PAGE: usize = 30;
const LARGEST_PAGE: usize = 50;

/// Below `/repos/{owner}/{name}/hooks`.
pub(super) fn answer(state: &mut State, call: &Call, name: &str, path: &[&str]) -> Outcome {
    if let Some(moved) = repos::moved(state, call, name) {
        return moved.into();
    }
    let limit = state.switches.forgejo.hook_limit;
    let id = state.next_id();
    let Some(repo) = state.repo(Provider::Forgejo, name).filter(|repo| repo.visible) else {
        return repos::absent(call).into();
    };
    if !repo.permissions.admin {
        return refusal(
            call,
            403,
            "user should be an owner or a collaborator with admin write of a repository",
        )
        .into();
    }
    match (call.method.as_str(), path) {
        ("GET", []) => list(repo, call).into(),
        ("POST", []) if limit.is_some_and(|limit| repo.hooks.len() >= limit) => {
            refusal(call, 422, "the repository has too many webhooks").into()
        }
        ("POST", []) => create(repo, call, id).into(),
        (_, [id, rest @ ..]) => {
            let whole = repo.clone();
            match repo.hook(id) {
                Some(hook) => one(&whole, hook, call, rest),
                None => repos::absent(call).into(),
            }
        }
        _ => refusal(call, 404, "not found").into(),
    }
}

fn one(repo: &Repo, hook: &mut Hook, call: &Call, path: &[&str]) -> Outcome {
    match (call.method.as_str(), path) {
        ("GET", []) => Answer::json(200, shown(hook)).into(),
        ("PATCH", []) => update(hook, call).into(),
        ("DELETE", []) => {
            let mut outcome = Outcome::from(Answer::empty(204));
            outcome.removes_hook = Some((repo.id, hook.id));
            outcome
        }
        ("POST", ["tests"]) => {
            let head = repo.branches.get(&repo.default_branch);
            let after = head.map_or(NO_COMMIT, |head| &head.sha);
            let mut push = Push { repo_id: repo.id, ..Push::new(&repo.full_name).of(after) };
            after.clone_into(&mut push.before);
            let mut outcome = Outcome::from(Answer::empty(204));
            outcome.dispatches.push(Dispatch::push(repo, hook, &push));
            outcome
        }
        _ => refusal(call, 404, "not found").into(),
    }
}

fn list(repo: &Repo, call: &Call) -> Answer {
    let number = |name: &str| call.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("limit").unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let page = number("page").unwrap_or(1).max(1);
    let hooks = repo.hooks.iter().skip((page - 1) * size).take(size);
    let answer = Answer::json(200, hooks.map(shown).collect::<Vec<_>>())
        .with("x-total-count", repo.hooks.len());
    if page * size >= repo.hooks.len() {
        return answer;
    }
    let url = format!("{}/forgejo/api/v1/repos/{}/hooks", call.origin, repo.full_name);
    answer.with("link", format!("<{url}?limit={size}&page={}>; rel=\"next\"", page + 1))
}

fn create(repo: &mut Repo, call: &Call, id: u64) -> Answer {
    let body = call.object().unwrap_or_default();
    let kind = body["type"].as_str().unwrap_or_default();
    if !["forgejo", "gitea", "gogs"].contains(&kind) {
        return refusal(call, 422, &format!("Invalid hook type: {kind}"));
    }
    let config = &body["config"];
    for name in ["url", "content_type"] {
        if !config[name].is_string() {
            return refusal(call, 422, &format!("Missing config option: {name}"));
        }
    }
    let now = Timestamp::now();
    let text = |name: &str| config[name].as_str().unwrap_or_default().to_owned();
    let mut hook = Hook {
        id,
        url: text("url"),
        content_type: text("content_type"),
        secret: Some(text("secret")).filter(|secret| !secret.is_empty()),
        signing_token: None,
        verifies_tls: true,
        // Off, unless somebody says otherwise.
        active: body["active"].as_bool().unwrap_or(false),
        events: BTreeSet::new(),
        kind: kind.to_owned(),
        failures: 0,
        disabled_until: None,
        disabled: false,
        created_at: now,
        updated_at: now,
        attempts: Vec::new(),
    };
    if !["json", "form"].contains(&hook.content_type.as_str()) {
        return refusal(call, 422, "Invalid content type");
    }
    hook.events = events(&body["events"]);
    let answer = Answer::json(201, shown(&hook));
    repo.hooks.push(hook);
    answer
}

/// Everything but the secret, which only another hook can change.
fn update(hook: &mut Hook, call: &Call) -> Answer {
    let body = call.object().unwrap_or_default();
    if let Some(url) = body["config"]["url"].as_str() {
        url.clone_into(&mut hook.url);
    }
    if let Some(content_type) = body["config"]["content_type"].as_str() {
        if !["json", "form"].contains(&content_type) {
            return refusal(call, 422, "Invalid content type");
        }
        content_type.clone_into(&mut hook.content_type);
    }
    hook.events = events(&body["events"]);
    if let Some(active) = body["active"].as_bool() {
        hook.active = active;
    }
    hook.updated_at = Timestamp::now();
    Answer::json(200, shown(hook))
}

/// Pushes when nobody says otherwise, also in a change.
fn events(list: &Value) -> BTreeSet<String> {
    let names = list.as_array().into_iter().flatten().filter_map(Value::as_str);
    let names: BTreeSet<_> = names.map(str::to_owned).collect();
    if names.is_empty() { BTreeSet::from(["push".to_owned()]) } else { names }
}

fn shown(hook: &Hook) -> Value {
    json!({
        "id": hook.id,
        "type": hook.kind,
        "branch_filter": "",
        "config": { "content_type": hook.content_type, "url": hook.url },
        "url": hook.url,
        "content_type": hook.content_type,
        "events": hook.events,
        "authorization_header": "",
        "active": hook.active,
        "metadata": null,
        "created_at": hook.created_at,
        "updated_at": hook.updated_at,
    })
}

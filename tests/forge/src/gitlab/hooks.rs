//! GitLab's project hooks.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{field, message, projects, text};
use crate::{
    answer::Answer,
    deliveries::{NO_COMMIT, Push},
    dispatch::Dispatch,
    request::Call,
    routes::Outcome,
    state::{Hook, Provider, Repo, State},
};

/// So many hooks may a project have.
const LIMIT: usize = 100;
const PAGE: usize = 20;
const LARGEST_PAGE: usize = 100;
/// A signing token: 32 bytes in base64 after this.
const SIGNING_PREFIX: &str = "whsec_";
const SIGNING_LENGTH: usize = 44;

/// The events of a hook, which GitLab keeps as a flag each.
const EVENTS: [&str; 10] = [
    "push",
    "tag_push",
    "merge_requests",
    "issues",
    "confidential_issues",
    "note",
    "job",
    "pipeline",
    "wiki_page",
    "releases",
];

/// Below `/projects/{id or path}/hooks`.
pub(super) fn answer(state: &mut State, call: &Call, project: &str, path: &[&str]) -> Outcome {
    if let Some(moved) = projects::moved(state, call, project) {
        return moved.into();
    }
    let has_signing_tokens = state.switches.gitlab.signing_tokens;
    let limit = state.switches.gitlab.hook_limit.unwrap_or(LIMIT);
    let id = state.next_id();
    let Some(repo) = state.repo(Provider::Gitlab, project).filter(|repo| repo.visible) else {
        return message(404, "404 Project Not Found").into();
    };
    if !repo.permissions.admin {
        return message(403, "403 Forbidden").into();
    }
    let settings = Settings { call, has_signing_tokens };
    match (call.method.as_str(), path) {
        ("GET", []) => list(repo, call).into(),
        ("POST", []) => create(repo, &settings, id, limit).into(),
        (_, [id, rest @ ..]) => {
            let whole = repo.clone();
            match repo.hook(id) {
                Some(hook) => one(&whole, hook, &settings, rest),
                None => message(404, "404 Not found").into(),
            }
        }
        _ => message(404, "404 Not Found").into(),
    }
}

/// What a request wants of a hook.
struct Settings<'a> {
    call: &'a Call,
    has_signing_tokens: bool,
}

impl Settings<'_> {
    fn apply(&self, hook: &mut Hook) -> Result<(), Answer> {
        let call = self.call;
        if let Some(url) = text(call, "url") {
            if !url.starts_with("http://") && !url.starts_with("https://") {
                return Err(Answer::json(422, json!({ "error": "Invalid url given" })));
            }
            hook.url = url;
        }
        if let Some(token) = text(call, "token") {
            hook.secret = Some(token).filter(|token| !token.is_empty());
        }
        if let Some(verifies) = field(call, "enable_ssl_verification").and_then(|v| v.as_bool()) {
            hook.verifies_tls = verifies;
        }
        for event in EVENTS {
            match field(call, &format!("{event}_events")).and_then(|value| value.as_bool()) {
                Some(true) => drop(hook.events.insert(event.to_owned())),
                Some(false) => drop(hook.events.remove(event)),
                None => {}
            }
        }
        // Where the feature is off, it is not refused but ignored.
        if let Some(token) = text(call, "signing_token").filter(|_| self.has_signing_tokens) {
            let key = token.strip_prefix(SIGNING_PREFIX);
            if !token.is_empty() && key.is_none_or(|key| key.len() != SIGNING_LENGTH) {
                let words = json!({ "signing_token": ["must be a whsec_ token of 32 bytes"] });
                return Err(Answer::json(422, json!({ "message": words })));
            }
            hook.signing_token = Some(token).filter(|token| !token.is_empty());
        }
        Ok(())
    }
}

fn one(repo: &Repo, hook: &mut Hook, settings: &Settings<'_>, path: &[&str]) -> Outcome {
    match (settings.call.method.as_str(), path) {
        ("GET", []) => Answer::json(200, shown(repo, hook)).into(),
        ("PUT", []) => {
            if text(settings.call, "url").is_none() {
                return Answer::json(400, json!({ "error": "url is missing" })).into();
            }
            if let Err(answer) = settings.apply(hook) {
                return answer.into();
            }
            hook.updated_at = Timestamp::now();
            Answer::json(200, shown(repo, hook)).into()
        }
        ("DELETE", []) => {
            let mut outcome = Outcome::from(Answer::empty(204));
            outcome.removes_hook = Some((repo.id, hook.id));
            outcome
        }
        ("POST", ["test", "push_events"]) => test(repo, hook),
        ("GET", ["events"]) => Answer::json(200, events(hook)).into(),
        ("POST", ["events", id, "resend"]) => {
            match hook.attempts.iter().find(|attempt| attempt.id.to_string() == *id) {
                Some(attempt) => {
                    let mut outcome =
                        Outcome::from(Answer::json(201, json!({ "response_status": 200 })));
                    outcome.dispatches.push(Dispatch::again(repo, hook, attempt));
                    outcome.unless_delivered =
                        Some(message(422, "the hook did not answer with 2xx"));
                    outcome
                }
                None => message(404, "404 Not Found").into(),
            }
        }
        _ => message(404, "404 Not Found").into(),
    }
}

/// A sample push of the newest commit; it switches a hook on again that was switched off, if it is answered with 2xx.
fn test(repo: &Repo, hook: &Hook) -> Outcome {
    let Some(head) = repo.branches.get(&repo.default_branch).or(repo.branches.values().next())
    else {
        return message(422, "Ensure the project has at least one commit.").into();
    };
    let push = Push {
        repo_id: repo.id,
        reference: format!("refs/heads/{}", repo.default_branch),
        before: NO_COMMIT.to_owned(),
        commits: vec![(head.message.clone(), Vec::new())],
        ..Push::new(&repo.full_name).of(&head.sha)
    };
    let mut outcome = Outcome::from(message(201, "201 Created"));
    outcome.dispatches.push(Dispatch::push(repo, hook, &push));
    outcome.unless_delivered = Some(message(422, "the hook did not answer with 2xx"));
    outcome
}

fn list(repo: &Repo, call: &Call) -> Answer {
    let number = |name: &str| call.parameter(name).and_then(|text| text.parse::<usize>().ok());
    let size = number("per_page").unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let page = number("page").unwrap_or(1).max(1);
    let last = repo.hooks.len().div_ceil(size).max(1);
    let hooks = repo.hooks.iter().skip((page - 1) * size).take(size);
    let answer = Answer::json(200, hooks.map(|hook| shown(repo, hook)).collect::<Vec<_>>())
        .with("x-page", page)
        .with("x-per-page", size)
        .with("x-total", repo.hooks.len())
        .with("x-total-pages", last);
    if page >= last {
        return answer.with("x-next-page", "");
    }
    let url = format!("{}/gitlab/api/v4/projects/{}/hooks", call.origin, repo.id);
    let next = page + 1;
    answer
        .with("x-next-page", next)
        .with("link", format!("<{url}?id={}&page={next}&per_page={size}>; rel=\"next\"", repo.id))
}

fn create(repo: &mut Repo, settings: &Settings<'_>, id: u64, limit: usize) -> Answer {
    if text(settings.call, "url").is_none() {
        return Answer::json(400, json!({ "error": "url is missing" }));
    }
    let now = Timestamp::now();
    let mut hook = Hook {
        id,
        url: String::new(),
        content_type: "json".to_owned(),
        secret: None,
        signing_token: None,
        verifies_tls: true,
        active: true,
        // On when nobody says otherwise.
        events: BTreeSet::from(["push".to_owned()]),
        kind: "project".to_owned(),
        failures: 0,
        disabled_until: None,
        disabled: false,
        created_at: now,
        updated_at: now,
        attempts: Vec::new(),
    };
    if let Err(answer) = settings.apply(&mut hook) {
        return answer;
    }
    if repo.hooks.len() >= limit {
        let words = format!("Maximum number of project hooks ({limit}) exceeded");
        return Answer::json(422, json!({ "message": { "base": [words] } }));
    }
    let answer = Answer::json(201, shown(repo, &hook));
    repo.hooks.push(hook);
    answer
}

fn shown(repo: &Repo, hook: &Hook) -> Value {
    let is_off = hook.disabled_until.filter(|until| *until > Timestamp::now());
    let alert = match (hook.disabled, is_off) {
        (true, _) => "disabled",
        (false, Some(_)) => "temporarily_disabled",
        (false, None) => "executable",
    };
    let mut shown = json!({
        "id": hook.id,
        "url": hook.url,
        "name": null,
        "description": null,
        "created_at": hook.created_at,
        "project_id": repo.id,
        "enable_ssl_verification": hook.verifies_tls,
        "repository_update_events": false,
        "alert_status": alert,
        "disabled_until": is_off,
        "url_variables": [],
        "custom_headers": [],
        "push_events_branch_filter": "",
        "branch_filter_strategy": "wildcard",
        "custom_webhook_template": null,
        "token_present": hook.secret.is_some(),
        "signing_token_present": hook.signing_token.is_some(),
    });
    for event in EVENTS {
        shown[format!("{event}_events")] = hook.events.contains(event).into();
    }
    shown
}

fn events(hook: &Hook) -> Vec<Value> {
    let shown = |attempt: &crate::Attempt| {
        json!({
            "id": attempt.id,
            "url": hook.url,
            "trigger": "push_hooks",
            "response_status": attempt.status_code.to_string(),
            "execution_duration": 0.03,
            "created_at": attempt.at,
        })
    };
    hook.attempts.iter().rev().take(PAGE).map(shown).collect()
}

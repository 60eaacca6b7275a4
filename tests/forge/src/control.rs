//! `/forge/*`: what whoever tests with the stand-in asks of it. None of it is any provider's.

use std::{collections::BTreeSet, sync::Arc};

use actix_web::{HttpRequest, HttpResponse, web::Bytes};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::{
    NOTICE,
    answer::Answer,
    dispatch,
    oauth::{self, Kind},
    push::{self, Pushed},
    state::{Permissions, Provider, Repo, State},
    switches::Switches,
    world::World,
};

/// Any request below `/forge`.
pub(crate) async fn handle(
    request: &HttpRequest,
    body: &Bytes,
    world: &Arc<World>,
) -> HttpResponse {
    let path = request.path().trim_start_matches("/forge").trim_matches('/');
    let answer = match (request.method().as_str(), path) {
        ("GET", "") => Ok(Answer::json(200, json!({ "about": NOTICE }))),
        ("GET", "state") => Ok(world.with(|state| {
            Answer::json(200, json!({ "repos": state.repos, "switches": state.switches }))
        })),
        ("GET", "switches") => Ok(switches(world)),
        ("PATCH", "switches") => read(body).and_then(|patch| change(world, &patch)),
        ("GET", "journal") => Ok(journal(world, request.query_string())),
        ("DELETE", "journal") => {
            world.journal(crate::journal::Journal::forget);
            Ok(Answer::empty(204))
        }
        ("POST", "repos") => read(body).and_then(|new| world.with(|state| create(state, new))),
        ("PATCH", "repos") => read(body).and_then(|new| world.with(|state| alter(state, new))),
        ("PATCH", "hooks") => read(body).and_then(|new| world.with(|state| tamper(state, new))),
        ("DELETE", "hooks") => read(body).and_then(|which| world.with(|state| lose(state, which))),
        ("POST", "tokens") => read(body).map(|new| world.with(|state| token(state, new))),
        ("POST", "revoke") => read(body).map(|of| world.with(|state| revoke(state, of))),
        ("POST", "expire-codes") => Ok(world.with(|state| {
            state.expire_codes();
            Answer::empty(204)
        })),
        ("POST", "push") => match read(body) {
            Ok(pushed) => pushes(world, pushed).await,
            Err(answer) => Err(answer),
        },
        _ => Err(error(404, "no such thing in the stand-in")),
    };
    answer.unwrap_or_else(|answer| answer).into_response()
}

fn error(status: u16, words: &str) -> Answer {
    Answer::json(status, json!({ "error": words }))
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Answer> {
    serde_json::from_slice(body).map_err(|problem| error(400, &problem.to_string()))
}

fn switches(world: &World) -> Answer {
    Answer::json(200, world.with(|state| serde_json::to_value(&state.switches)).unwrap_or_default())
}

/// A merge patch (RFC 7386) on the switches.
fn change(world: &World, patch: &Value) -> Result<Answer, Answer> {
    world.with(|state| {
        let mut patched = serde_json::to_value(&state.switches).unwrap_or_default();
        merge(&mut patched, patch);
        let new: Switches =
            serde_json::from_value(patched).map_err(|problem| error(400, &problem.to_string()))?;
        for (provider, seconds) in new.limits() {
            // A limit begins when it is switched on, not whenever any switch is.
            if patch[provider.name()].get("rate_limited_seconds").is_some() {
                let seconds = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
                state.limited_until.insert(provider, Timestamp::now() + seconds);
            }
        }
        state.switches = new;
        Ok(())
    })?;
    Ok(switches(world))
}

fn merge(target: &mut Value, patch: &Value) {
    match (target.as_object_mut(), patch.as_object()) {
        (Some(target), Some(patch)) => {
            for (name, value) in patch {
                merge(target.entry(name).or_insert(Value::Null), value);
            }
        }
        _ => *target = patch.clone(),
    }
}

fn journal(world: &World, query: &str) -> Answer {
    let since = query.strip_prefix("since=").and_then(|number| number.parse().ok());
    let entries = world.journal(|journal| serde_json::to_value(journal.since(since.unwrap_or(0))));
    Answer::json(200, entries.unwrap_or_default())
}

/// A repository that is to be there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewRepo {
    provider: Provider,
    repo: String,
    id: Option<u64>,
    #[serde(default)]
    private: bool,
    permissions: Option<Permissions>,
    default_branch: Option<String>,
    clone_url: Option<String>,
}

fn create(state: &mut State, new: NewRepo) -> Result<Answer, Answer> {
    if state.repo(new.provider, &new.repo).is_some() {
        return Err(error(409, "there is such a repository"));
    }
    let repo = Repo {
        provider: new.provider,
        id: new.id.unwrap_or_else(|| state.next_id()),
        full_name: new.repo,
        former_names: Vec::new(),
        private: new.private,
        visible: true,
        permissions: new.permissions.unwrap_or_default(),
        default_branch: new.default_branch.unwrap_or_else(|| "main".to_owned()),
        clone_url: new.clone_url,
        pushed_at: None,
        branches: [].into(),
        commits: BTreeSet::new(),
        hooks: Vec::new(),
        statuses: Vec::new(),
    };
    let answer = Answer::json(201, serde_json::to_value(&repo).unwrap_or_default());
    state.repos.push(repo);
    Ok(answer)
}

/// What becomes of a repository; what is absent stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RepoChange {
    provider: Provider,
    repo: String,
    rename: Option<String>,
    id: Option<u64>,
    private: Option<bool>,
    visible: Option<bool>,
    permissions: Option<Permissions>,
}

fn alter(state: &mut State, new: RepoChange) -> Result<Answer, Answer> {
    let repo = state.repo(new.provider, &new.repo);
    let repo = repo.ok_or_else(|| error(404, "no such repository"))?;
    if let Some(name) = new.rename {
        repo.former_names.push(std::mem::replace(&mut repo.full_name, name));
    }
    repo.id = new.id.unwrap_or(repo.id);
    repo.private = new.private.unwrap_or(repo.private);
    repo.visible = new.visible.unwrap_or(repo.visible);
    repo.permissions = new.permissions.unwrap_or(repo.permissions);
    Ok(Answer::json(200, serde_json::to_value(&*repo).unwrap_or_default()))
}

/// What becomes of a hook, as if somebody did it by hand; what is absent stays. Without an id: all hooks.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HookChange {
    provider: Provider,
    repo: String,
    id: Option<u64>,
    url: Option<String>,
    active: Option<bool>,
    events: Option<BTreeSet<String>>,
    secret: Option<String>,
    content_type: Option<String>,
    verifies_tls: Option<bool>,
    disabled: Option<bool>,
    disabled_for_seconds: Option<i64>,
}

fn tamper(state: &mut State, new: HookChange) -> Result<Answer, Answer> {
    let repo = state.repo(new.provider, &new.repo);
    let repo = repo.ok_or_else(|| error(404, "no such repository"))?;
    for hook in repo.hooks.iter_mut().filter(|hook| new.id.is_none_or(|id| id == hook.id)) {
        hook.url = new.url.clone().unwrap_or(hook.url.clone());
        hook.active = new.active.unwrap_or(hook.active);
        hook.events = new.events.clone().unwrap_or(hook.events.clone());
        hook.secret = new.secret.clone().or(hook.secret.take());
        hook.content_type = new.content_type.clone().unwrap_or(hook.content_type.clone());
        hook.verifies_tls = new.verifies_tls.unwrap_or(hook.verifies_tls);
        hook.disabled = new.disabled.unwrap_or(hook.disabled);
        let until = new.disabled_for_seconds.map(SignedDuration::from_secs);
        hook.disabled_until = until.map(|time| Timestamp::now() + time).or(hook.disabled_until);
    }
    Ok(Answer::json(200, serde_json::to_value(&repo.hooks).unwrap_or_default()))
}

/// A hook that somebody removes by hand; all of the repository's without an id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LostHook {
    provider: Provider,
    repo: String,
    id: Option<u64>,
}

fn lose(state: &mut State, which: LostHook) -> Result<Answer, Answer> {
    let repo = state.repo(which.provider, &which.repo);
    let repo = repo.ok_or_else(|| error(404, "no such repository"))?;
    repo.hooks.retain(|hook| which.id.is_some_and(|id| id != hook.id));
    Ok(Answer::empty(204))
}

/// A personal access token that somebody makes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    provider: Provider,
    scopes: Option<String>,
}

fn token(state: &mut State, new: NewToken) -> Answer {
    let usual = match new.provider {
        Provider::Github => "repo",
        Provider::Gitlab => "api",
        Provider::Forgejo => "all",
    };
    let scopes = new.scopes.as_deref().unwrap_or(usual);
    let token = oauth::issue(state, new.provider, Kind::Personal, scopes);
    Answer::json(201, json!({ "token": token.access, "scopes": token.scopes }))
}

/// Whose tokens end; only the access tokens, if somebody says so.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revocation {
    provider: Provider,
    #[serde(default)]
    keep_refresh: bool,
}

fn revoke(state: &mut State, of: Revocation) -> Answer {
    for token in state.tokens.iter_mut().filter(|token| token.provider == of.provider) {
        if of.keep_refresh {
            token.expires_at = Some(Timestamp::UNIX_EPOCH);
        } else {
            token.is_revoked = true;
        }
    }
    Answer::empty(204)
}

async fn pushes(world: &Arc<World>, pushed: Pushed) -> Result<Answer, Answer> {
    let moved = world.with(|state| push::push(state, &pushed));
    let (push, dispatches) = moved.ok_or_else(|| error(404, "no such repository"))?;
    let attempts = dispatch::send_all(world, dispatches).await;
    Ok(Answer::json(
        200,
        json!({
            "provider": pushed.provider,
            "repo": push.repo,
            "ref": push.reference,
            "before": push.before,
            "after": push.after,
            "pushed_at": push.pushed_at,
            "attempts": attempts,
        }),
    ))
}

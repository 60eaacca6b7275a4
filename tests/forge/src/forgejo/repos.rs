//! Forgejo's repositories, branches and commit statuses.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::refusal;
use crate::{
    LOGIN,
    answer::Answer,
    request::Call,
    state::{Provider, Repo, State, Status},
};

/// Below `/repos/{owner}/{name}`, with a good token.
pub(super) fn answer(state: &mut State, call: &Call, name: &str, path: &[&str]) -> Answer {
    if let Some(moved) = moved(state, call, name) {
        return moved;
    }
    let id = state.next_id();
    let Some(repo) = state.repo(Provider::Forgejo, name).filter(|repo| repo.visible) else {
        return absent(call);
    };
    match (call.method.as_str(), path) {
        ("GET", []) => Answer::json(200, shown(repo, call)),
        ("GET", ["branches", branch @ ..]) if !branch.is_empty() => {
            let name = branch.join("/");
            match repo.branches.get(&name) {
                Some(head) => Answer::json(
                    200,
                    json!({
                        "name": name,
                        "commit": {
                            "id": head.sha, "message": head.message,
                            "author": { "name": "Octo Cat", "username": LOGIN },
                        },
                        "protected": false,
                        "user_can_push": repo.permissions.push,
                    }),
                ),
                None => refusal(call, 404, "The target couldn't be found."),
            }
        }
        ("POST", ["statuses", sha]) => set_status(repo, call, sha, id),
        _ => refusal(call, 404, "not found"),
    }
}

/// Without a token: what everybody may see.
pub(super) fn public(state: &mut State, call: &Call, path: &[&str]) -> Answer {
    match (call.method.as_str(), path) {
        ("GET", ["repos", owner, name]) => {
            let repo = state.repo(Provider::Forgejo, &format!("{owner}/{name}"));
            match repo.filter(|repo| !repo.private) {
                Some(repo) => Answer::json(200, shown(repo, call)),
                None => absent(call),
            }
        }
        _ => refusal(call, 401, "token is required"),
    }
}

pub(super) fn absent(call: &Call) -> Answer {
    refusal(call, 404, "The target couldn't be found.")
}

/// A repository that is called something else now.
pub(super) fn moved(state: &State, call: &Call, name: &str) -> Option<Answer> {
    let repo = state.renamed(Provider::Forgejo, name)?;
    let rest = call.segments.get(5..).unwrap_or_default().join("/");
    let slash = if rest.is_empty() { "" } else { "/" };
    let url = format!("{}/forgejo/api/v1/repos/{}{slash}{rest}", call.origin, repo.full_name);
    Some(Answer::redirect(if call.method == "GET" { 301 } else { 307 }, &url))
}

fn shown(repo: &Repo, call: &Call) -> Value {
    let (owner, name) = repo.parts();
    let web = format!("{}/forgejo/{}", call.origin, repo.full_name);
    json!({
        "id": repo.id,
        "owner": { "id": 4, "login": owner, "username": owner },
        "name": name,
        "full_name": repo.full_name,
        "private": repo.private,
        "empty": repo.branches.is_empty(),
        "html_url": web,
        "clone_url": repo.clone_url.clone().unwrap_or_else(|| format!("{web}.git")),
        "default_branch": repo.default_branch,
        "archived": false,
        "has_actions": true,
        "permissions": repo.permissions,
        "updated_at": repo.pushed_at.and_then(|at| Timestamp::from_second(at.cast_signed()).ok()),
    })
}

fn set_status(repo: &mut Repo, call: &Call, sha: &str, id: u64) -> Answer {
    if !repo.permissions.push {
        return refusal(call, 403, "user should have a permission to write to a repo");
    }
    let body = call.object().unwrap_or_default();
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let state = text("state").unwrap_or_default();
    if !["pending", "success", "error", "failure", "warning"].contains(&state.as_str()) {
        return refusal(call, 422, "unknown state");
    }
    if !repo.commits.contains(sha) {
        return refusal(call, 404, &format!("object does not exist [id: {sha}, rel_path: ]"));
    }
    let status = Status {
        id,
        sha: sha.to_owned(),
        state,
        context: text("context").unwrap_or_else(|| "default".to_owned()),
        target_url: text("target_url"),
        description: text("description"),
        reference: None,
        at: Timestamp::now(),
    };
    let answer = json!({
        "id": status.id, "status": status.state, "context": status.context,
        "description": status.description, "target_url": status.target_url,
        "created_at": status.at, "updated_at": status.at, "creator": { "login": LOGIN },
    });
    repo.statuses.push(status);
    Answer::json(201, answer)
}

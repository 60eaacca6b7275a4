//! GitHub's repositories, branches, commits and commit statuses.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{invalid, not_found, refusal};
use crate::{
    LOGIN,
    answer::Answer,
    request::Call,
    state::{Head, Provider, Repo, State, Status},
};

/// More statuses of one commit under one context are refused.
const MOST_STATUSES: usize = 1000;
/// A description may not be longer, in characters.
const LONGEST_DESCRIPTION: usize = 140;

/// Below `/repos/{owner}/{name}`, with a good token.
pub(super) fn answer(state: &mut State, call: &Call, name: &str, path: &[&str]) -> Answer {
    if let Some(moved) = moved(state, call, name) {
        return moved;
    }
    let id = state.next_id();
    let Some(repo) = state.repo(Provider::Github, name).filter(|repo| repo.visible) else {
        return not_found();
    };
    match (call.method.as_str(), path) {
        ("GET", []) => Answer::json(200, shown(repo, call, true)),
        ("GET", ["branches", branch @ ..]) if !branch.is_empty() => {
            let name = branch.join("/");
            match repo.branches.get(&name) {
                Some(head) => Answer::json(
                    200,
                    json!({ "name": name, "commit": commit(head), "protected": false }),
                ),
                None => refusal(404, "Branch not found"),
            }
        }
        ("GET", ["git", "ref", "heads", branch @ ..]) => match repo.branches.get(&branch.join("/"))
        {
            Some(head) => Answer::json(
                200,
                json!({
                    "ref": format!("refs/heads/{}", branch.join("/")),
                    "object": { "type": "commit", "sha": head.sha },
                }),
            ),
            None => not_found(),
        },
        ("GET", ["commits", reference @ ..]) => {
            let name = reference.join("/");
            let mut heads = repo.branches.iter();
            match heads.find(|(branch, head)| **branch == name || head.sha == name) {
                Some((_, head)) => Answer::json(200, commit(head)),
                None => refusal(422, &format!("No commit found for SHA: {name}")),
            }
        }
        ("POST", ["statuses", sha]) => set_status(repo, call, sha, id),
        _ => not_found(),
    }
}

/// Without a token: what everybody may see.
pub(super) fn public(state: &mut State, call: &Call, path: &[&str]) -> Answer {
    match (call.method.as_str(), path) {
        ("GET", ["repos", owner, name]) => {
            let repo = state.repo(Provider::Github, &format!("{owner}/{name}"));
            match repo.filter(|repo| !repo.private) {
                Some(repo) => Answer::json(200, shown(repo, call, false)),
                None => not_found(),
            }
        }
        ("GET", ["user"]) => refusal(401, "Requires authentication"),
        _ => not_found(),
    }
}

/// A repository that is called something else now.
pub(super) fn moved(state: &State, call: &Call, name: &str) -> Option<Answer> {
    let repo = state.renamed(Provider::Github, name)?;
    let rest = call.segments.get(4..).unwrap_or_default().join("/");
    let slash = if rest.is_empty() { "" } else { "/" };
    let url = format!("{}/github/api/repositories/{}{slash}{rest}", call.origin, repo.id);
    let status = if call.method == "GET" { 301 } else { 307 };
    let body = json!({
        "message": "Moved Permanently",
        "url": url,
        "documentation_url": "https://docs.github.com/rest/guides/best-practices-for-using-the-rest-api#follow-redirects",
    });
    Some(Answer::json(status, body).with("location", &url))
}

fn shown(repo: &Repo, call: &Call, with_permissions: bool) -> Value {
    let (owner, name) = repo.parts();
    let web = format!("{}/github/{}", call.origin, repo.full_name);
    let mut shown = json!({
        "id": repo.id,
        "node_id": "MDEwOlJlcG9zaXRvcnkxODY4NTMwMDI=",
        "name": name,
        "full_name": repo.full_name,
        "private": repo.private,
        "visibility": if repo.private { "private" } else { "public" },
        "owner": { "login": owner, "id": 21_031_067, "type": "User" },
        "html_url": web,
        "url": format!("{}/github/api/repos/{}", call.origin, repo.full_name),
        "clone_url": repo.clone_url.clone().unwrap_or_else(|| format!("{web}.git")),
        "default_branch": repo.default_branch,
        "archived": false,
        "disabled": false,
        "fork": false,
        "pushed_at": repo.pushed_at.and_then(|at| Timestamp::from_second(at.cast_signed()).ok()),
    });
    if with_permissions {
        let may = repo.permissions;
        shown["permissions"] = json!({
            "admin": may.admin, "maintain": may.admin, "push": may.push, "triage": may.push,
            "pull": may.pull,
        });
    }
    shown
}

fn commit(head: &Head) -> Value {
    json!({
        "sha": head.sha,
        "node_id": "C_kwDOAAsouNoAKDc",
        "commit": {
            "message": head.message,
            "author": { "name": "Octo Cat", "email": "octo@example.com" },
            "committer": { "name": "Octo Cat", "email": "octo@example.com" },
        },
        "author": { "login": LOGIN },
        "parents": [],
    })
}

fn set_status(repo: &mut Repo, call: &Call, sha: &str, id: u64) -> Answer {
    if !repo.permissions.push {
        return not_found();
    }
    let body = call.object().unwrap_or_default();
    let text = |name: &str| body[name].as_str().map(str::to_owned);
    let state = text("state").unwrap_or_default();
    if !["error", "failure", "pending", "success"].contains(&state.as_str()) {
        return invalid("Status", Some("state"), "state is not included in the list");
    }
    if text("description").is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        let words = "description is too long (maximum is 140 characters)";
        return invalid("Status", Some("description"), words);
    }
    if !repo.commits.contains(sha) {
        return refusal(422, &format!("No commit found for SHA: {sha}"));
    }
    let context = text("context").unwrap_or_else(|| "default".to_owned());
    let same = repo.statuses.iter().filter(|one| one.sha == sha && one.context == context);
    if same.count() >= MOST_STATUSES {
        let words = "This SHA and context has reached the maximum number of statuses.";
        return invalid("Status", None, words);
    }
    let status = Status {
        id,
        sha: sha.to_owned(),
        state,
        context,
        target_url: text("target_url"),
        description: text("description"),
        reference: None,
        at: Timestamp::now(),
    };
    let answer = json!({
        "id": status.id, "state": status.state, "context": status.context,
        "description": status.description, "target_url": status.target_url,
        "created_at": status.at, "updated_at": status.at, "creator": { "login": LOGIN },
    });
    repo.statuses.push(status);
    Answer::json(201, answer)
}

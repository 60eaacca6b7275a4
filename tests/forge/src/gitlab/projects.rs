//! GitLab's projects, branches and commit statuses.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{message, text};
use crate::{
    LOGIN,
    answer::Answer,
    request::Call,
    state::{Permissions, Provider, Repo, State, Status},
};

/// Access levels of members.
const MAINTAINER: u32 = 40;
const DEVELOPER: u32 = 30;
const REPORTER: u32 = 20;

/// Below `/projects/{id or path}`, with a good token.
pub(super) fn answer(state: &mut State, call: &Call, project: &str, path: &[&str]) -> Answer {
    if let Some(moved) = moved(state, call, project) {
        return moved;
    }
    let id = state.next_id();
    let Some(repo) = state.repo(Provider::Gitlab, project).filter(|repo| repo.visible) else {
        return message(404, "404 Project Not Found");
    };
    match (call.method.as_str(), path) {
        ("GET", []) => Answer::json(200, shown(repo, call, true)),
        ("GET", ["repository", "branches", name @ ..]) if !name.is_empty() => {
            branch(repo, &name.join("/"))
        }
        ("GET", ["repository", "commits", name]) => {
            let mut heads = repo.branches.iter();
            match heads.find(|(branch, head)| branch.as_str() == *name || head.sha == *name) {
                Some((_, head)) => Answer::json(200, commit(&head.sha, &head.message)),
                None => message(404, "404 Commit Not Found"),
            }
        }
        ("POST", ["statuses", sha]) => set_status(repo, call, sha, id),
        _ => message(404, "404 Not Found"),
    }
}

/// Without a token: what everybody may see.
pub(super) fn public(state: &mut State, call: &Call, path: &[&str]) -> Answer {
    match (call.method.as_str(), path) {
        ("GET", ["projects", project]) => {
            match state.repo(Provider::Gitlab, project).filter(|repo| !repo.private) {
                Some(repo) => Answer::json(200, shown(repo, call, false)),
                None => message(404, "404 Project Not Found"),
            }
        }
        _ => message(401, "401 Unauthorized"),
    }
}

/// A project that is called something else now: whoever only reads is sent on.
pub(super) fn moved(state: &State, call: &Call, project: &str) -> Option<Answer> {
    let repo = state.renamed(Provider::Gitlab, project)?;
    if call.method != "GET" {
        return Some(message(404, "404 Project Not Found"));
    }
    let rest = call.segments.get(4..).unwrap_or_default().join("/");
    let slash = if rest.is_empty() { "" } else { "/" };
    let url = format!("{}/gitlab/api/v4/projects/{}{slash}{rest}", call.origin, repo.id);
    let words = "This resource has been moved permanently to ";
    Some(Answer::text(301, "text/plain", format!("{words}{url}")).with("location", &url))
}

fn shown(repo: &Repo, call: &Call, with_permissions: bool) -> Value {
    let (namespace, name) = repo.parts();
    let web = format!("{}/gitlab/{}", call.origin, repo.full_name);
    let mut shown = json!({
        "id": repo.id,
        "name": name,
        "path": name,
        "path_with_namespace": repo.full_name,
        "namespace": { "id": 5, "path": namespace, "full_path": namespace, "kind": "user" },
        "default_branch": (!repo.branches.is_empty()).then_some(&repo.default_branch),
        "visibility": if repo.private { "private" } else { "public" },
        "web_url": web,
        "http_url_to_repo": repo.clone_url.clone().unwrap_or_else(|| format!("{web}.git")),
        "ssh_url_to_repo": format!("git@gitlab.example.com:{}.git", repo.full_name),
        "empty_repo": repo.branches.is_empty(),
        "archived": false,
        "last_activity_at": repo.pushed_at.and_then(|at| Timestamp::from_second(at.cast_signed()).ok()),
    });
    if with_permissions {
        let access = json!({ "access_level": level(repo.permissions), "notification_level": 3 });
        shown["permissions"] = json!({ "project_access": access, "group_access": null });
    }
    shown
}

fn level(may: Permissions) -> u32 {
    match may {
        Permissions { admin: true, .. } => MAINTAINER,
        Permissions { push: true, .. } => DEVELOPER,
        Permissions { .. } => REPORTER,
    }
}

fn branch(repo: &Repo, name: &str) -> Answer {
    let Some(head) = repo.branches.get(name) else {
        return message(404, "404 Branch Not Found");
    };
    Answer::json(
        200,
        json!({
            "name": name,
            "commit": commit(&head.sha, &head.message),
            "merged": false,
            "protected": name == repo.default_branch,
            "default": name == repo.default_branch,
            "can_push": repo.permissions.push,
        }),
    )
}

fn commit(sha: &str, message: &str) -> Value {
    json!({
        "id": sha,
        "short_id": sha.get(..8),
        "title": message.lines().next(),
        "message": message,
        "author_name": "Octo Cat",
        "parent_ids": [],
    })
}

fn set_status(repo: &mut Repo, call: &Call, sha: &str, id: u64) -> Answer {
    if !repo.permissions.push {
        return message(403, "403 Forbidden");
    }
    if !repo.commits.contains(sha) {
        return message(404, "404 Commit Not Found");
    }
    let state = text(call, "state").unwrap_or_default();
    if !["pending", "running", "success", "failed", "canceled", "skipped"].contains(&state.as_str())
    {
        return Answer::json(400, json!({ "error": "state does not have a valid value" }));
    }
    let context = text(call, "name").or_else(|| text(call, "context"));
    let context = context.unwrap_or_else(|| "default".to_owned());
    let same = |one: &&mut Status| one.sha == sha && one.context == context;
    let last = repo.statuses.iter_mut().rev().find(same);
    // One that has ended is left alone: another one begins.
    let open = last.filter(|one| ["pending", "running"].contains(&one.state.as_str()));
    if let Some(open) = open {
        let act = if state == "running" { "run" } else { "enqueue" };
        if open.state == state || state == "pending" {
            let words = format!(
                "Cannot transition status via :{act} from :{} (Reason(s): Status cannot transition via \"{act}\")",
                open.state
            );
            return Answer::json(400, json!({ "message": words }));
        }
        open.state = state;
        open.description = text(call, "description").or(open.description.take());
        open.target_url = text(call, "target_url").or(open.target_url.take());
        open.at = Timestamp::now();
        return Answer::json(201, shown_status(open));
    }
    let status = Status {
        id,
        sha: sha.to_owned(),
        state,
        context,
        target_url: text(call, "target_url"),
        description: text(call, "description"),
        reference: text(call, "ref"),
        at: Timestamp::now(),
    };
    let answer = shown_status(&status);
    repo.statuses.push(status);
    Answer::json(201, answer)
}

fn shown_status(status: &Status) -> Value {
    json!({
        "id": status.id,
        "sha": status.sha,
        "ref": status.reference,
        "status": status.state,
        "name": status.context,
        "target_url": status.target_url,
        "description": status.description,
        "created_at": status.at,
        "allow_failure": false,
        "author": { "username": LOGIN },
    })
}

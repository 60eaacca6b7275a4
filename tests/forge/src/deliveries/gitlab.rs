//! The body of GitLab's push hook.

use serde_json::{Value, json};

use super::{NO_COMMIT, Push};

pub(super) fn body(push: &Push) -> Value {
    let name = push.repo.rsplit('/').next().unwrap_or(&push.repo);
    let web = format!("https://gitlab.example.com/{}", push.repo);
    let git = format!("git@gitlab.example.com:{}.git", push.repo);
    let clone = format!("{web}.git");
    let deleted = push.after == NO_COMMIT;
    json!({
        "object_kind": "push",
        "event_name": "push",
        "before": push.before,
        "after": push.after,
        "ref": push.reference,
        "ref_protected": true,
        "checkout_sha": if deleted { Value::Null } else { push.after.clone().into() },
        "message": null,
        "user_id": 4,
        "user_name": "Octo Cat",
        "user_username": "octo",
        "user_email": "octo@example.com",
        "user_avatar": "https://gitlab.example.com/uploads/user/avatar/4/avatar.png",
        "project_id": push.repo_id,
        "project": {
            "id": push.repo_id,
            "name": name,
            "description": "An app that says hello",
            "web_url": web,
            "avatar_url": null,
            "git_ssh_url": git,
            "git_http_url": clone,
            "namespace": push.repo.split('/').next(),
            "visibility_level": 20,
            "path_with_namespace": push.repo,
            "default_branch": "main",
            "ci_config_path": null,
            "homepage": web,
            "url": git,
            "ssh_url": git,
            "http_url": clone,
        },
        "commits": (0..).zip(&push.commits).map(|(at, commit)| self::commit(push, at, commit)).collect::<Vec<_>>(),
        "total_commits_count": push.commits.len(),
        "push_options": {},
        "repository": {
            "name": name,
            "url": git,
            "description": "An app that says hello",
            "homepage": web,
            "git_http_url": clone,
            "git_ssh_url": git,
            "visibility_level": 20,
        },
    })
}

/// Oldest first; the last one is the head.
fn commit(push: &Push, at: usize, (message, paths): &(String, Vec<String>)) -> Value {
    let is_head = at + 1 == push.commits.len();
    let id = if is_head { push.after.clone() } else { format!("{at:040x}") };
    json!({
        "id": id,
        "message": message,
        "title": message,
        "timestamp": "2026-11-20T10:14:03+01:00",
        "url": format!("https://gitlab.example.com/{}/-/commit/{}", push.repo, id),
        "author": { "name": "Octo Cat", "email": "octo@example.com" },
        "added": [],
        "modified": paths,
        "removed": [],
    })
}

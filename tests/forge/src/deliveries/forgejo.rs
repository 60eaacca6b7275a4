//! The body of Forgejo's (and Gitea's) push hook.

use serde_json::{Value, json};

use super::{NO_COMMIT, Push};

pub(super) fn body(push: &Push) -> Value {
    let web = "https://forgejo.example.com";
    let (owner, name) = push.repo.split_once('/').unwrap_or(("octo", &push.repo));
    let commits: Vec<_> = push.commits.iter().enumerate().map(|pair| commit(push, pair)).collect();
    let deleted = push.after == NO_COMMIT;
    json!({
        "ref": push.reference,
        "before": push.before,
        "after": push.after,
        "compare_url": format!("{web}/{}/compare/{}...{}", push.repo, push.before, push.after),
        "head_commit": if deleted { Value::Null } else { commits.last().cloned().into() },
        "total_commits": commits.len(),
        "commits": commits,
        "repository": {
            "id": push.repo_id,
            "owner": account(owner),
            "name": name,
            "full_name": push.repo,
            "description": "An app that says hello",
            "empty": false,
            "private": false,
            "fork": false,
            "template": false,
            "mirror": false,
            "size": 24,
            "html_url": format!("{web}/{}", push.repo),
            "url": format!("{web}/api/v1/repos/{}", push.repo),
            "ssh_url": format!("git@forgejo.example.com:{}.git", push.repo),
            "clone_url": format!("{web}/{}.git", push.repo),
            "website": "",
            "stars_count": 0,
            "forks_count": 0,
            "watchers_count": 1,
            "open_issues_count": 0,
            "default_branch": "main",
            "archived": false,
            "created_at": "2026-11-01T09:12:44+01:00",
            "updated_at": "2026-11-20T10:14:03+01:00",
            "permissions": { "admin": true, "push": true, "pull": true },
        },
        "pusher": account("octo"),
        "sender": account("octo"),
    })
}

fn account(login: &str) -> Value {
    json!({
        "id": 4,
        "login": login,
        "login_name": "",
        "full_name": "Octo Cat",
        "email": "octo@example.com",
        "avatar_url": "https://forgejo.example.com/avatars/4",
        "username": login,
    })
}

fn commit(push: &Push, (index, (message, paths)): (usize, &(String, Vec<String>))) -> Value {
    let last = index + 1 == push.commits.len();
    let id = if last { push.after.clone() } else { format!("{:040x}", index + 1) };
    let person = json!({ "name": "Octo Cat", "email": "octo@example.com", "username": "octo" });
    json!({
        "id": id,
        "message": message,
        "url": format!("https://forgejo.example.com/{}/commit/{id}", push.repo),
        "author": person,
        "committer": person,
        "verification": null,
        "timestamp": "2026-11-20T10:14:03+01:00",
        "added": [],
        "removed": [],
        "modified": paths,
    })
}

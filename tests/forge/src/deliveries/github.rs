//! The body of GitHub's `push` event: every field that the real one has, about 7 KB.

use serde_json::{Map, Value, json};

use super::{NO_COMMIT, Push};

pub(super) fn body(push: &Push) -> Value {
    let commits: Vec<_> = push.commits.iter().enumerate().map(|pair| commit(push, pair)).collect();
    let deleted = push.after == NO_COMMIT;
    json!({
        "ref": push.reference,
        "before": push.before,
        "after": push.after,
        "repository": repository(push),
        "pusher": { "name": "octo", "email": "octo@example.com" },
        "sender": account("octo"),
        "created": push.before == NO_COMMIT,
        "deleted": deleted,
        "forced": false,
        "base_ref": null,
        "compare": format!("https://github.com/{}/compare/{}...{}", push.repo, push.before, push.after),
        "head_commit": if deleted { Value::Null } else { commits.last().cloned().into() },
        "commits": commits,
    })
}

fn commit(push: &Push, (index, (message, paths)): (usize, &(String, Vec<String>))) -> Value {
    let last = index + 1 == push.commits.len();
    let id = if last { push.after.clone() } else { format!("{:040x}", index + 1) };
    let person = json!({ "name": "Octo Cat", "email": "octo@example.com", "username": "octo" });
    json!({
        "id": id,
        "tree_id": "d8a3c0e8a1d4f0a2c7d5f4f0f3b1a9c8e7d6b5a4",
        "distinct": true,
        "message": message,
        "timestamp": "2026-11-20T10:14:03+01:00",
        "url": format!("https://github.com/{}/commit/{id}", push.repo),
        "author": person,
        "committer": person,
        "added": [],
        "removed": [],
        "modified": paths,
    })
}

fn account(login: &str) -> Value {
    let api = format!("https://api.github.com/users/{login}");
    json!({
        "login": login,
        "id": 21_031_067,
        "node_id": "MDQ6VXNlcjIxMDMxMDY3",
        "avatar_url": "https://avatars.githubusercontent.com/u/21031067?v=4",
        "gravatar_id": "",
        "url": api,
        "html_url": format!("https://github.com/{login}"),
        "followers_url": format!("{api}/followers"),
        "following_url": format!("{api}/following{{/other_user}}"),
        "gists_url": format!("{api}/gists{{/gist_id}}"),
        "starred_url": format!("{api}/starred{{/owner}}{{/repo}}"),
        "subscriptions_url": format!("{api}/subscriptions"),
        "organizations_url": format!("{api}/orgs"),
        "repos_url": format!("{api}/repos"),
        "events_url": format!("{api}/events{{/privacy}}"),
        "received_events_url": format!("{api}/received_events"),
        "type": "User",
        "site_admin": false,
    })
}

/// Links below the repository's address in the API, by the name of their field.
const LINKS: [(&str, &str); 36] = [
    ("forks_url", "/forks"),
    ("keys_url", "/keys{/key_id}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("teams_url", "/teams"),
    ("hooks_url", "/hooks"),
    ("issue_events_url", "/issues/events{/number}"),
    ("events_url", "/events"),
    ("assignees_url", "/assignees{/user}"),
    ("branches_url", "/branches{/branch}"),
    ("tags_url", "/tags"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("trees_url", "/git/trees{/sha}"),
    ("statuses_url", "/statuses/{sha}"),
    ("languages_url", "/languages"),
    ("stargazers_url", "/stargazers"),
    ("contributors_url", "/contributors"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("commits_url", "/commits{/sha}"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("comments_url", "/comments{/number}"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("contents_url", "/contents/{+path}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("merges_url", "/merges"),
    ("archive_url", "/{archive_format}{/ref}"),
    ("downloads_url", "/downloads"),
    ("issues_url", "/issues{/number}"),
    ("pulls_url", "/pulls{/number}"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("labels_url", "/labels{/name}"),
    ("releases_url", "/releases{/id}"),
    ("deployments_url", "/deployments"),
];

fn repository(push: &Push) -> Value {
    let (owner, name) = push.repo.split_once('/').unwrap_or(("octo", &push.repo));
    let mut owner = account(owner);
    owner["name"] = owner["login"].clone();
    owner["email"] = "octo@example.com".into();
    let mut fields: Map<String, Value> = LINKS
        .iter()
        .map(|(field, path)| {
            let link = format!("https://api.github.com/repos/{}{path}", push.repo);
            ((*field).to_owned(), link.into())
        })
        .collect();
    let rest = json!({
        "id": push.repo_id,
        "node_id": "MDEwOlJlcG9zaXRvcnkxODY4NTMwMDI=",
        "name": name,
        "full_name": push.repo,
        "private": false,
        "owner": owner,
        "html_url": format!("https://github.com/{}", push.repo),
        "description": "An app that says hello",
        "fork": false,
        "url": format!("https://github.com/{}", push.repo),
        "created_at": 1_557_933_565,
        "updated_at": "2026-11-20T09:12:44Z",
        "pushed_at": push.pushed_at,
        "git_url": format!("git://github.com/{}.git", push.repo),
        "ssh_url": format!("git@github.com:{}.git", push.repo),
        "clone_url": format!("https://github.com/{}.git", push.repo),
        "svn_url": format!("https://github.com/{}", push.repo),
        "homepage": null,
        "size": 1024,
        "stargazers_count": 3,
        "watchers_count": 3,
        "language": "Rust",
        "has_issues": true,
        "has_projects": true,
        "has_downloads": true,
        "has_wiki": false,
        "has_pages": false,
        "forks_count": 1,
        "mirror_url": null,
        "archived": false,
        "disabled": false,
        "open_issues_count": 2,
        "license": null,
        "topics": [],
        "visibility": "public",
        "forks": 1,
        "open_issues": 2,
        "watchers": 3,
        "default_branch": "main",
        "stargazers": 3,
        "master_branch": "main",
    });
    if let Value::Object(rest) = rest {
        fields.extend(rest);
    }
    fields.into()
}

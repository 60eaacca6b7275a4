//! The push of Forgejo and Gitea: GitHub's in most, without its flags, and with a count of all commits beside the few
//! that are listed. Their test delivery is such a push, of the branch's head; there is no ping.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Kind, Malformed, Push, bounded, change, head::Head, paths::Commits};

/// What `X-Forgejo-Event` (or one of its other names) announces. `create` and `delete` come beside a push, or without
/// one: a new branch is pushed all the same, and of one that is gone there is nothing to deploy.
pub(crate) fn kind(event: Option<&str>) -> Kind {
    match event {
        Some("push") => Kind::Push,
        Some(_) | None => Kind::Other,
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "ref")]
    reference: Cow<'a, str>,
    #[serde(borrow)]
    before: Option<Cow<'a, str>>,
    #[serde(borrow)]
    after: Cow<'a, str>,
    #[serde(borrow)]
    repository: Repository<'a>,
    #[serde(default)]
    commits: Commits,
    /// Not there in old versions, which list as few.
    total_commits: Option<u64>,
    #[serde(borrow)]
    head_commit: Option<Head<'a>>,
}

#[derive(Deserialize)]
struct Repository<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    full_name: Cow<'a, str>,
}

/// Reads a push.
pub(crate) fn push(json: &[u8]) -> Result<Push, Malformed> {
    let body: Body<'_> = serde_json::from_slice(json)?;
    let (before, after) = change(body.before.as_deref(), &body.after)?;
    Ok(Push {
        repo: bounded(&body.repository.full_name, "repository name")?,
        repo_id: body.repository.id.filter(|id| *id != 0),
        reference: bounded(&body.reference, "ref")?,
        deleted: after.is_zeros(),
        pushed_at: None,
        // The newest few commits are listed (FEED_MAX_COMMIT_NUM, 5); a push without any set the branch back.
        paths_truncated: body.commits.overflowed
            || body.commits.count == 0
            || body.total_commits.is_none_or(|total| total > body.commits.count)
            || before.is_zeros(),
        asks_to_skip: Head::asks_to_skip(body.head_commit.as_ref(), &body.commits, &after),
        changed_paths: body.commits.into_paths(),
        before,
        after,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "1111111111111111111111111111111111111111";
    const AFTER: &str = "2222222222222222222222222222222222222222";

    fn body(rest: &str) -> String {
        format!(
            r#"{{"ref":"refs/heads/main","before":"{BEFORE}","after":"{AFTER}",
                "compare_url":"https://code.example/acme/shop/compare/1...2",
                "repository":{{"id":7,"full_name":"acme/shop","updated_at":"2026-01-01T00:00:00Z"}},
                "pusher":{{"login":"ada"}}{rest}}}"#
        )
    }

    #[test]
    fn a_push_is_read() {
        let commits = format!(
            r#","commits":[{{"id":"{AFTER}","message":"go","added":["a"],"removed":null,"modified":["b"]}}],
               "total_commits":1,"head_commit":{{"id":"{AFTER}","message":"go"}}"#
        );
        let read = push(body(&commits).as_bytes()).unwrap();
        assert_eq!((read.repo.as_str(), read.repo_id), ("acme/shop", Some(7)));
        assert_eq!((read.branch(), read.after.as_str()), (Some("main"), AFTER));
        assert_eq!((read.before.as_str(), read.pushed_at), (BEFORE, None));
        let paths = ["a", "b"].map(str::to_owned).to_vec();
        assert_eq!((read.changed_paths, read.paths_truncated), (paths, false));
        assert!(!read.deleted && !read.asks_to_skip);
    }

    #[test]
    fn more_commits_than_listed_leave_paths_out() {
        let one = r#","commits":[{"added":["a"]}]"#;
        for (total, is_truncated) in [("1", false), ("6", true), ("null", true)] {
            let body = body(&format!(r#"{one},"total_commits":{total}"#));
            assert_eq!(push(body.as_bytes()).unwrap().paths_truncated, is_truncated, "{total}");
        }
        let none = body(r#","commits":[],"total_commits":0"#);
        assert!(push(none.as_bytes()).unwrap().paths_truncated);
    }

    #[test]
    fn the_head_commits_message_may_ask_to_be_skipped() {
        let asks = |rest: &str| push(body(rest).as_bytes()).unwrap().asks_to_skip;
        assert!(asks(&format!(r#","head_commit":{{"id":"{AFTER}","message":"[Skip Deploy]"}}"#)));
        assert!(!asks(r#","head_commit":null"#));
    }

    #[test]
    fn zeros_mean_a_deleted_branch_in_both_lengths() {
        for length in [40, 64] {
            let zeros = body("").replace(AFTER, &"0".repeat(length));
            assert!(push(zeros.as_bytes()).unwrap().deleted);
        }
    }

    #[test]
    fn what_is_no_push_is_malformed() {
        for bad in ["", "{", "[]", "null", r#"{"zen":"x"}"#, &body("").replace(AFTER, "main")] {
            assert!(push(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_header_names_the_kind() {
        assert_eq!(kind(Some("push")), Kind::Push);
        for other in ["ping", "create", "delete", "Push", "pull_request", ""] {
            assert_eq!(kind(Some(other)), Kind::Other, "{other}");
        }
        assert_eq!(kind(None), Kind::Other);
    }
}

//! GitLab's push. It has no flags for created, deleted or forced: zeros say the first two.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Kind, Malformed, Push, bounded, change, paths::Commits};

/// What `X-Gitlab-Event` announces. A system hook's push never lists its commits, and its secret is not the app's: it
/// is something else.
pub(crate) fn kind(event: Option<&str>) -> Kind {
    match event {
        Some("Push Hook") => Kind::Push,
        Some(_) | None => Kind::Other,
    }
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    object_kind: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "ref")]
    reference: Cow<'a, str>,
    #[serde(borrow)]
    before: Option<Cow<'a, str>>,
    #[serde(borrow)]
    after: Cow<'a, str>,
    project_id: Option<u64>,
    #[serde(borrow)]
    project: Project<'a>,
    total_commits_count: Option<u64>,
    #[serde(default)]
    commits: Commits,
}

#[derive(Deserialize)]
struct Project<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    path_with_namespace: Cow<'a, str>,
}

/// Reads a push. No commits at all are a push too: a new branch at an old commit, or one that was set back.
pub(crate) fn push(json: &[u8]) -> Result<Push, Malformed> {
    let body: Body<'_> = serde_json::from_slice(json)?;
    if body.object_kind.is_some_and(|kind| kind != "push") {
        return Err(Malformed::Field("object_kind"));
    }
    let (before, after) = change(body.before.as_deref(), &body.after)?;
    Ok(Push {
        repo: bounded(&body.project.path_with_namespace, "project path")?,
        repo_id: body.project.id.or(body.project_id).filter(|id| *id != 0),
        reference: bounded(&body.reference, "ref")?,
        deleted: after.is_zeros(),
        pushed_at: None,
        // The newest 20 commits are listed; a push without any set the branch back, and changed what is not said.
        paths_truncated: body.commits.overflowed
            || body.commits.count == 0
            || body.total_commits_count.is_some_and(|total| total > body.commits.count)
            || before.is_zeros(),
        asks_to_skip: body.commits.asks_to_skip(&after),
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
            r#"{{"object_kind":"push","event_name":"push","ref":"refs/heads/main","before":"{BEFORE}",
                "after":"{AFTER}","checkout_sha":"{AFTER}","project_id":7,
                "project":{{"id":7,"path_with_namespace":"acme/web/shop"}}{rest}}}"#
        )
    }

    #[test]
    fn a_push_is_read() {
        let commits =
            r#","commits":[{"added":["a"],"modified":[],"removed":[]}],"total_commits_count":1"#;
        let read = push(body(commits).as_bytes()).unwrap();
        assert_eq!((read.repo.as_str(), read.repo_id), ("acme/web/shop", Some(7)));
        assert_eq!((read.branch(), read.after.as_str()), (Some("main"), AFTER));
        assert_eq!((read.changed_paths, read.paths_truncated), (vec!["a".to_owned()], false));
    }

    #[test]
    fn a_push_without_commits_is_a_push() {
        let read = push(body(r#","commits":[],"total_commits_count":0"#).as_bytes()).unwrap();
        assert!(!read.deleted);
        assert!(read.paths_truncated);
    }

    #[test]
    fn zeros_mean_a_deleted_branch_in_both_lengths() {
        for length in [40, 64] {
            let zeros = body(r#","commits":[]"#).replace(AFTER, &"0".repeat(length));
            let null = zeros.replace(
                &format!("\"{}\",\"project_id\"", "0".repeat(length)),
                "null,\"project_id\"",
            );
            assert!(push(null.as_bytes()).unwrap().deleted);
        }
    }

    #[test]
    fn more_commits_than_listed_leave_paths_out() {
        let cut = r#","commits":[{"added":["a"]}],"total_commits_count":21"#;
        assert!(push(body(cut).as_bytes()).unwrap().paths_truncated);
    }

    #[test]
    fn the_commit_at_the_head_may_ask_to_be_skipped() {
        let asks = |id: &str| {
            let commits = format!(r#","commits":[{{"id":"{id}","message":"a [ci skip]"}}]"#);
            push(body(&commits).as_bytes()).unwrap().asks_to_skip
        };
        assert!(asks(AFTER) && !asks(BEFORE));
        assert!(!push(body("").as_bytes()).unwrap().asks_to_skip, "no message is no wish");
    }

    #[test]
    fn only_a_push_is_a_push() {
        assert!(push(body("").replace(r#":"push""#, r#":"tag_push""#).as_bytes()).is_err());
        assert!(push(b"{}").is_err());
    }

    #[test]
    fn the_header_names_the_kind() {
        assert_eq!(kind(Some("Push Hook")), Kind::Push);
        for other in ["Tag Push Hook", "System Hook", "Merge Request Hook", "push hook", ""] {
            assert_eq!(kind(Some(other)), Kind::Other, "{other}");
        }
        assert_eq!(kind(None), Kind::Other);
    }
}

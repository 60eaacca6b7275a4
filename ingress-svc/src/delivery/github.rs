//! GitHub's push, as JSON or as a form with the JSON in `payload`.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, de::IgnoredAny};

use super::{Kind, Malformed, Push, bounded, change, head::Head, paths::Commits};

/// A list this long has been cut off by GitHub.
const MAX_COMMITS: u64 = 2048;

/// What `X-GitHub-Event` announces.
pub(crate) fn kind(event: Option<&str>) -> Kind {
    match event {
        Some("ping") => Kind::Ping,
        Some("push") => Kind::Push,
        Some(_) | None => Kind::Other,
    }
}

/// The JSON within a form.
pub(crate) fn payload_of_form(form: &[u8]) -> Result<Cow<'_, str>, Malformed> {
    form_urlencoded::parse(form)
        .find_map(|(name, value)| (name == "payload").then_some(value))
        .ok_or(Malformed::Field("form without `payload`"))
}

#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow, rename = "ref")]
    reference: Cow<'a, str>,
    #[serde(borrow)]
    before: Option<Cow<'a, str>>,
    #[serde(borrow)]
    after: Cow<'a, str>,
    deleted: Option<bool>,
    forced: Option<bool>,
    #[serde(borrow)]
    repository: Repository<'a>,
    #[serde(default)]
    commits: Commits,
    #[serde(borrow)]
    head_commit: Option<Head<'a>>,
}

#[derive(Deserialize)]
struct Repository<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    full_name: Cow<'a, str>,
    #[serde(borrow)]
    pushed_at: Option<Time<'a>>,
}

/// Unix seconds in a push; text in GitHub's other events.
#[derive(Deserialize)]
#[serde(untagged)]
enum Time<'a> {
    Seconds(u64),
    Text(#[serde(borrow)] Cow<'a, str>),
    Unknown(IgnoredAny),
}

impl Time<'_> {
    fn seconds(&self) -> Option<u64> {
        match self {
            Self::Seconds(seconds) => Some(*seconds),
            Self::Text(text) => u64::try_from(text.parse::<Timestamp>().ok()?.as_second()).ok(),
            Self::Unknown(IgnoredAny) => None,
        }
    }
}

/// Reads a push. `after` is what to deploy, never `head_commit`, which may be null.
pub(crate) fn push(json: &[u8]) -> Result<Push, Malformed> {
    let body: Body<'_> = serde_json::from_slice(json)?;
    let (before, after) = change(body.before.as_deref(), &body.after)?;
    Ok(Push {
        repo: bounded(&body.repository.full_name, "repository name")?,
        repo_id: body.repository.id.filter(|id| *id != 0),
        reference: bounded(&body.reference, "ref")?,
        deleted: body.deleted == Some(true) || after.is_zeros(),
        pushed_at: body.repository.pushed_at.as_ref().and_then(Time::seconds),
        // The commits of a new or forced branch are not the difference to what was there before.
        paths_truncated: body.commits.overflowed
            || body.commits.count == 0
            || body.commits.count >= MAX_COMMITS
            || body.forced == Some(true)
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
                "repository":{{"id":7,"full_name":"acme/shop","pushed_at":1700000000}}{rest}}}"#
        )
    }

    #[test]
    fn a_push_is_read() {
        let read =
            push(body(r#","deleted":false,"commits":[{"added":["a"]}]"#).as_bytes()).unwrap();
        assert_eq!((read.repo.as_str(), read.repo_id), ("acme/shop", Some(7)));
        assert_eq!(read.branch(), Some("main"));
        assert_eq!((read.before.as_str(), read.after.as_str()), (BEFORE, AFTER));
        assert_eq!(read.pushed_at, Some(1_700_000_000));
        assert_eq!((read.changed_paths, read.paths_truncated), (vec!["a".to_owned()], false));
        assert!(!read.deleted);
    }

    #[test]
    fn null_and_missing_fields_do_no_harm() {
        let null = body(r#","head_commit":null,"commits":null,"deleted":null,"base_ref":null"#);
        assert!(push(null.as_bytes()).is_ok());
        let least = format!(
            r#"{{"ref":"refs/heads/main","after":"{AFTER}","repository":{{"full_name":"acme/shop"}}}}"#
        );
        let read = push(least.as_bytes()).unwrap();
        assert_eq!((read.repo_id, read.pushed_at), (None, None));
        assert!(read.before.is_zeros());
    }

    #[test]
    fn the_time_may_be_text() {
        let text = body("").replace("1700000000", "\"2023-11-14T22:13:20Z\"");
        assert_eq!(push(text.as_bytes()).unwrap().pushed_at, Some(1_700_000_000));
        let odd = body("").replace("1700000000", "-1.5");
        assert_eq!(push(odd.as_bytes()).unwrap().pushed_at, None);
    }

    #[test]
    fn a_deleted_branch_shows_in_the_flag_or_in_the_zeros() {
        assert!(push(body(r#","deleted":true"#).as_bytes()).unwrap().deleted);
        for length in [40, 64] {
            let zeros = body("").replace(AFTER, &"0".repeat(length));
            assert!(push(zeros.as_bytes()).unwrap().deleted);
        }
    }

    #[test]
    fn a_tag_is_no_branch_and_heads_is_stripped_once() {
        let tag = body("").replace("refs/heads/main", "refs/tags/main");
        assert_eq!(push(tag.as_bytes()).unwrap().branch(), None);
        let nested = body("").replace("refs/heads/main", "refs/heads/refs/heads/main");
        assert_eq!(push(nested.as_bytes()).unwrap().branch(), Some("refs/heads/main"));
    }

    #[test]
    fn a_forced_push_does_not_list_all_it_changed() {
        assert!(push(body(r#","forced":true"#).as_bytes()).unwrap().paths_truncated);
    }

    #[test]
    fn the_head_commits_message_may_ask_to_be_skipped() {
        let asks = |rest: &str| push(body(rest).as_bytes()).unwrap().asks_to_skip;
        let head = |id: &str| format!(r#","head_commit":{{"id":"{id}","message":"[skip ci]"}}"#);
        assert!(asks(&head(AFTER)));
        assert!(!asks(&head(BEFORE)), "another commit");
        let listed = |id: &str| format!(r#","commits":[{{"id":"{id}","message":"[skip ci]"}}]"#);
        assert!(asks(&format!(r#"{},"head_commit":null"#, listed(AFTER))));
        assert!(!asks(&listed(BEFORE)), "a commit before the head");
        let said = r#","head_commit":{"message":"go"}"#;
        assert!(!asks(&format!("{}{said}", listed(AFTER))), "the head commit itself decides");
    }

    #[test]
    fn a_push_that_lists_no_commits_does_not_list_all_it_changed() {
        assert!(push(body(r#","commits":[]"#).as_bytes()).unwrap().paths_truncated);
    }

    #[test]
    fn what_is_no_push_is_malformed() {
        let bad_sha = body("").replace(AFTER, "main");
        let twice = body(r#","after":"x""#);
        let deep = "[".repeat(100_000);
        for bad in ["", "{", "[]", "null", r#"{"zen":"x"}"#, &bad_sha, &twice, &deep] {
            assert!(push(bad.as_bytes()).is_err(), "{}", &bad[..bad.len().min(80)]);
        }
        assert!(push(format!("{} x", body("")).as_bytes()).is_err(), "something behind it");
        assert!(push(b"\xff").is_err());
    }

    #[test]
    fn a_form_carries_the_json_in_payload() {
        let form = b"a=b&payload=%7B%22ref%22%3A%22x+y%22%7D";
        assert_eq!(payload_of_form(form).unwrap(), r#"{"ref":"x y"}"#);
        assert!(payload_of_form(b"other=1").is_err());
    }
}

//! What an authentic delivery says, normalised over the providers. Only the needed fields are read, straight from the
//! bytes: a body of 25 MiB never becomes a tree.

pub(crate) mod forgejo;
pub(crate) mod github;
pub(crate) mod gitlab;
mod head;
mod paths;
mod sha;

pub(crate) use sha::Sha;

/// Longer than any provider allows: nothing unbounded travels on.
const MAX_NAME_BYTES: usize = 512;

/// What happened at the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The provider tries its webhook out.
    Ping,
    /// Commits were pushed, or a branch came or went.
    Push,
    /// Anything else.
    Other,
}

/// A body that is not what it says it is.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    /// Not JSON, or not a push.
    #[error("the body is not the JSON of a push")]
    Json(#[from] serde_json::Error),
    /// A field that no push has.
    #[error("the push has an impossible {0}")]
    Field(&'static str),
}

/// A push, as far as it concerns us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push {
    /// `owner/name` as the delivery states it.
    pub(crate) repo: String,
    /// The provider's numeric id of the repository.
    pub(crate) repo_id: Option<u64>,
    /// The full reference, `refs/heads/…` or `refs/tags/…`.
    pub(crate) reference: String,
    /// The commit before; zeros for a new branch.
    pub(crate) before: Sha,
    /// The commit to deploy; zeros for a deleted branch.
    pub(crate) after: Sha,
    /// Whether the branch is gone.
    pub(crate) deleted: bool,
    /// GitHub's time of the push, Unix seconds.
    pub(crate) pushed_at: Option<u64>,
    /// Paths that the push changed, in order, as far as they are known.
    pub(crate) changed_paths: Vec<String>,
    /// Whether there may be more of them.
    pub(crate) paths_truncated: bool,
    /// Whether the head commit's message says that it is not to be deployed; not when the message is not known.
    pub(crate) asks_to_skip: bool,
}

impl Push {
    /// The branch; a tag is never one.
    pub(crate) fn branch(&self) -> Option<&str> {
        self.reference.strip_prefix("refs/heads/")
    }

    /// A push of commit 2222… to `main` of `acme/shop`.
    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            repo: "acme/shop".to_owned(),
            repo_id: Some(7),
            reference: "refs/heads/main".to_owned(),
            before: "1".repeat(40).parse().unwrap(),
            after: "2".repeat(40).parse().unwrap(),
            deleted: false,
            pushed_at: None,
            changed_paths: Vec::new(),
            paths_truncated: false,
            asks_to_skip: false,
        }
    }
}

/// A name of bounded length.
fn bounded(name: &str, field: &'static str) -> Result<String, Malformed> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        Err(Malformed::Field(field))
    } else {
        Ok(name.to_owned())
    }
}

/// The commits before and after; a delivery without the former begins a branch.
fn change(before: Option<&str>, after: &str) -> Result<(Sha, Sha), Malformed> {
    let after: Sha = after.parse().map_err(|_| Malformed::Field("after"))?;
    let before = match before {
        None => after.zeros(),
        Some(before) => before.parse().map_err(|_| Malformed::Field("before"))?,
    };
    Ok((before, after))
}

//! The head commit, as GitHub and Forgejo name it beside the list of commits.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Sha, paths::Commits};
use crate::filters;

/// `head_commit` of a push.
#[derive(Deserialize)]
pub(super) struct Head<'a> {
    #[serde(borrow)]
    id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    message: Option<Cow<'a, str>>,
}

impl Head<'_> {
    /// Whether the message of the commit to deploy asks that it is not; where `head_commit` does not tell, the list of
    /// commits may.
    pub(super) fn asks_to_skip(head: Option<&Self>, commits: &Commits, after: &Sha) -> bool {
        let is_meant = |head: &&Self| head.id.as_deref().is_none_or(|id| id == after.as_str());
        match head.filter(is_meant).and_then(|head| head.message.as_deref()) {
            Some(message) => filters::asks_to_skip(message),
            None => commits.asks_to_skip(after),
        }
    }
}

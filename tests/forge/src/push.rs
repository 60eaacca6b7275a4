//! A push: the head of a branch moves, and the hooks of the repository are told.

use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

use crate::{
    deliveries::{NO_COMMIT, Push, random_sha},
    dispatch::Dispatch,
    state::{Head, Provider, Repo, State},
};

/// What somebody pushed; what is absent is made up.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pushed {
    pub(crate) provider: Provider,
    /// `owner/name`.
    pub(crate) repo: String,
    /// The branch; the default one when absent.
    branch: Option<String>,
    /// The full reference, instead of a branch.
    #[serde(rename = "ref")]
    reference: Option<String>,
    /// The commit before; the branch's head when absent.
    before: Option<String>,
    /// The commit after; zeros delete the branch.
    after: Option<String>,
    /// The commits, oldest first.
    commits: Option<Vec<Commit>>,
    /// Whether the hooks are told.
    #[serde(default = "yes")]
    deliver: bool,
}

/// One of the pushed commits.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Commit {
    message: String,
    #[serde(default)]
    paths: Vec<String>,
}

fn yes() -> bool {
    true
}

/// Moves the head; the push as deliveries tell it, and the deliveries. `None` when there is no such repository.
pub(crate) fn push(state: &mut State, pushed: &Pushed) -> Option<(Push, Vec<Dispatch>)> {
    let repo = state.repo(pushed.provider, &pushed.repo)?;
    let push = moved(repo, pushed);
    let told = repo.hooks.iter().filter(|hook| pushed.deliver && hook.is_sent("push"));
    let dispatches = told.map(|hook| Dispatch::push(repo, hook, &push)).collect();
    Some((push, dispatches))
}

fn moved(repo: &mut Repo, pushed: &Pushed) -> Push {
    let branch = pushed.branch.as_ref().unwrap_or(&repo.default_branch);
    let reference = pushed.reference.clone().unwrap_or_else(|| format!("refs/heads/{branch}"));
    let branch = reference.strip_prefix("refs/heads/").map(str::to_owned);
    let head = branch.as_ref().and_then(|branch| repo.branches.get(branch));
    let before = head.map_or(NO_COMMIT, |head| &head.sha).to_owned();
    let before = pushed.before.clone().unwrap_or(before);
    let after = pushed.after.clone().unwrap_or_else(random_sha);
    let usual = Push::new(&repo.full_name);
    let commits = match &pushed.commits {
        Some(commits) => commits.iter().map(|c| (c.message.clone(), c.paths.clone())).collect(),
        None if after == NO_COMMIT => Vec::new(),
        None => usual.commits,
    };
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or_default();
    repo.pushed_at = Some(now);
    if after == NO_COMMIT {
        branch.map(|branch| repo.branches.remove(&branch));
    } else {
        repo.commits.insert(after.clone());
        let message = commits.last().map_or_else(String::new, |(message, _)| message.clone());
        let head = Head { sha: after.clone(), message };
        branch.map(|branch| repo.branches.insert(branch, head));
    }
    let (repo_id, pushed_at, delivery_id) = (repo.id, now, Uuid::new_v4());
    Push { repo_id, reference, before, after, pushed_at, commits, delivery_id, ..usual }
}

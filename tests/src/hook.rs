//! What a provider does when somebody pushes: it makes a delivery of the push, signs it and sends it. Here the
//! `post-receive` hook of a local repository does.

use std::{
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::{
    api::{self, Answer},
    deliveries::{Delivery, NO_COMMIT, Push},
    repository,
};

/// More commits than this are not listed in a delivery; GitHub's bound is higher.
const MAX_COMMITS: usize = 20;

/// Where deliveries go, kept beside the repository and readable by its owner only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Target {
    /// The app's webhook.
    pub webhook_url: String,
    /// What deliveries are signed with.
    pub webhook_secret: String,
    /// `owner/name`, as the provider would call the repository.
    pub repo: String,
    /// The provider's number of the repository.
    pub repo_id: u64,
    /// File in which deliveries and their answers are written down, a JSON line each.
    pub record: PathBuf,
}

/// A delivery that was sent, and its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sent {
    /// The delivery.
    pub delivery: Delivery,
    /// The answer.
    pub answer: Answer,
}

impl Target {
    /// Reads it.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{}", path.display()))
    }

    /// Delivers one updated reference of the repository at `git_dir`.
    pub async fn deliver(&self, git_dir: &Path, update: &Update) -> Result<Answer> {
        let push = Push {
            repo_id: self.repo_id,
            reference: update.reference.clone(),
            before: update.before.clone(),
            after: update.after.clone(),
            commits: commits(git_dir, update).await?,
            ..Push::new(&self.repo)
        };
        let delivery = push.github(&self.webhook_secret);
        let answer = api::send(&api::http_client()?, &self.webhook_url, &delivery).await?;
        let sent = serde_json::to_string(&Sent { delivery, answer: answer.clone() })?;
        let mut record =
            std::fs::OpenOptions::new().create(true).append(true).open(&self.record)?;
        writeln!(record, "{sent}")?;
        Ok(answer)
    }

    /// The last delivery that was sent.
    pub fn last_sent(&self) -> Result<Sent> {
        let text = std::fs::read_to_string(&self.record).context("nothing was delivered yet")?;
        let line = text.lines().last().context("nothing was delivered yet")?;
        Ok(serde_json::from_str(line)?)
    }
}

/// One line of what git tells a `post-receive` hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Update {
    /// The commit before; zeros for a new reference.
    pub before: String,
    /// The commit after; zeros for a deleted one.
    pub after: String,
    /// The full reference.
    pub reference: String,
}

impl std::str::FromStr for Update {
    type Err = anyhow::Error;

    fn from_str(line: &str) -> Result<Self> {
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(before), Some(after), Some(reference), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            anyhow::bail!("not `old new ref`: {line}")
        };
        Ok(Self { before, after, reference })
    }
}

/// The pushed commits, oldest first: message and changed paths.
pub(crate) async fn commits(git_dir: &Path, update: &Update) -> Result<Vec<(String, Vec<String>)>> {
    if update.after == NO_COMMIT {
        return Ok(Vec::new());
    }
    let range = if update.before == NO_COMMIT {
        update.after.clone()
    } else {
        format!("{}..{}", update.before, update.after)
    };
    let limit = format!("--max-count={MAX_COMMITS}");
    let ids = repository::git(git_dir, &["rev-list", "--reverse", &limit, &range]).await?;
    let mut commits = Vec::new();
    for id in ids.lines() {
        let message = repository::git(git_dir, &["show", "--no-patch", "--format=%B", id]).await?;
        let show = ["diff-tree", "--no-commit-id", "--name-only", "-r", "--root", id];
        let paths = repository::git(git_dir, &show).await?;
        commits.push((message.trim().to_owned(), paths.lines().map(str::to_owned).collect()));
    }
    Ok(commits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_a_hook_is_an_update() {
        let update: Update = "a b refs/heads/main".parse().unwrap();
        assert_eq!((update.before.as_str(), update.after.as_str()), ("a", "b"));
        assert!("a b".parse::<Update>().is_err());
    }
}

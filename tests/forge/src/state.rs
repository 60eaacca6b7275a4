//! What the stand-in keeps, the same for all three providers.

use std::collections::{BTreeMap, BTreeSet};

use clap::ValueEnum;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{oauth, switches::Switches};

/// How many attempts at deliveries a hook remembers.
const KEPT_ATTEMPTS: usize = 200;

/// Which of the three.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// GitHub.
    Github,
    /// GitLab.
    Gitlab,
    /// Forgejo, or Gitea.
    Forgejo,
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Github, Self::Gitlab, Self::Forgejo];

    /// As it is called in paths and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Forgejo => "forgejo",
        }
    }

    /// The one of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }
}

/// All that is kept.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct State {
    pub(crate) switches: Switches,
    pub(crate) limited_until: BTreeMap<Provider, Timestamp>,
    pub(crate) repos: Vec<Repo>,
    pub(crate) codes: Vec<oauth::Code>,
    pub(crate) tokens: Vec<oauth::Token>,
    last_id: u64,
}

/// A repository.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Repo {
    /// Where it is.
    pub provider: Provider,
    /// The provider's number for it.
    pub id: u64,
    /// `owner/name`.
    pub full_name: String,
    /// What it was called before.
    #[serde(default)]
    pub former_names: Vec<String>,
    /// Whether cloning needs a credential.
    pub private: bool,
    /// Whether the account sees it at all.
    pub visible: bool,
    /// What the account may do there.
    pub permissions: Permissions,
    /// Its default branch.
    pub default_branch: String,
    /// What `git clone` takes; the provider's usual address when `None`.
    pub clone_url: Option<String>,
    /// Unix seconds of the last push.
    pub pushed_at: Option<u64>,
    /// Heads of branches, by name.
    pub branches: BTreeMap<String, Head>,
    /// Every commit that was pushed.
    pub commits: BTreeSet<String>,
    /// Its webhooks.
    pub hooks: Vec<Hook>,
    /// Commit statuses, oldest first.
    pub statuses: Vec<Status>,
}

/// What the account may do with a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Permissions {
    /// Manage webhooks and all else.
    pub admin: bool,
    /// Push.
    pub push: bool,
    /// Read.
    pub pull: bool,
}

impl Default for Permissions {
    fn default() -> Self {
        Self { admin: true, push: true, pull: true }
    }
}

/// The head of a branch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The commit.
    pub sha: String,
    /// Its message.
    pub message: String,
}

/// A webhook.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hook {
    /// Its number.
    pub id: u64,
    /// Where deliveries go.
    pub url: String,
    /// `json` or `form`.
    pub content_type: String,
    /// What deliveries are signed with; GitLab sends it as a token.
    pub secret: Option<String>,
    /// GitLab's signing token.
    pub signing_token: Option<String>,
    /// Whether TLS is verified.
    pub verifies_tls: bool,
    /// Whether somebody switched it on.
    pub active: bool,
    /// Which events it is sent.
    pub events: BTreeSet<String>,
    /// Forgejo's type of it.
    pub kind: String,
    /// Deliveries that failed in a row.
    pub failures: u32,
    /// GitLab: until when it is switched off.
    pub disabled_until: Option<Timestamp>,
    /// GitLab: whether it is switched off for good.
    pub disabled: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was changed.
    pub updated_at: Timestamp,
    /// Attempts at deliveries, newest last.
    pub attempts: Vec<Attempt>,
}

/// An attempt at a delivery.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Attempt {
    /// Of the attempt.
    pub id: u64,
    /// Of the delivery: the same for all attempts.
    pub guid: String,
    /// `push`, `ping`.
    pub event: String,
    /// Whether somebody asked for it once more.
    pub redelivery: bool,
    /// When.
    pub at: Timestamp,
    /// What came back; 0 when nothing did.
    pub status_code: u16,
    /// The same in words.
    pub status: String,
    /// The answer's body, if it was JSON.
    pub answer: Value,
    /// What was sent.
    pub delivery: crate::deliveries::Delivery,
}

/// A commit status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its number.
    pub id: u64,
    /// The commit.
    pub sha: String,
    /// As the provider calls it.
    pub state: String,
    /// GitLab: `name`.
    pub context: String,
    /// Where people read more.
    pub target_url: Option<String>,
    /// What people read.
    pub description: Option<String>,
    /// GitLab: the branch.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// When it was set.
    pub at: Timestamp,
}

impl Hook {
    /// Whether deliveries are sent to it now.
    #[must_use]
    pub fn is_sent(&self, event: &str) -> bool {
        let disabled =
            self.disabled || self.disabled_until.is_some_and(|end| end > Timestamp::now());
        self.active && !disabled && (event == "ping" || self.events.contains(event))
    }

    pub(crate) fn remember(&mut self, attempt: Attempt) {
        self.attempts.push(attempt);
        if self.attempts.len() > KEPT_ATTEMPTS {
            self.attempts.remove(0);
        }
    }
}

impl State {
    /// A number that was not given out before.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        292_430_000 + self.last_id
    }

    pub(crate) fn repo(&mut self, provider: Provider, name: &str) -> Option<&mut Repo> {
        let named = |repo: &&mut Repo| {
            repo.full_name.eq_ignore_ascii_case(name) || repo.id.to_string() == name
        };
        self.repos.iter_mut().filter(|repo| repo.provider == provider).find(named)
    }

    /// The repository that had this name before it was called something else.
    pub(crate) fn renamed(&self, provider: Provider, name: &str) -> Option<&Repo> {
        let had = |repo: &&Repo| repo.former_names.iter().any(|former| former == name);
        self.repos.iter().filter(|repo| repo.provider == provider).find(had)
    }

    pub(crate) fn hook(&mut self, provider: Provider, repo: u64, hook: u64) -> Option<&mut Hook> {
        let repo = self.repo(provider, &repo.to_string())?;
        repo.hooks.iter_mut().find(|known| known.id == hook)
    }

    pub(crate) fn remove_hook(&mut self, provider: Provider, repo: u64, hook: u64) {
        if let Some(repo) = self.repo(provider, &repo.to_string()) {
            repo.hooks.retain(|known| known.id != hook);
        }
    }
}

impl Repo {
    pub(crate) fn hook(&mut self, id: &str) -> Option<&mut Hook> {
        self.hooks.iter_mut().find(|hook| hook.id.to_string() == id)
    }

    /// Its owner and its name.
    pub(crate) fn parts(&self) -> (&str, &str) {
        self.full_name.rsplit_once('/').unwrap_or(("", &self.full_name))
    }
}

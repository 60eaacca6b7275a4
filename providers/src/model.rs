//! What providers tell us, normalised.

use jiff::Timestamp;
use secrecy::SecretString;

/// An account at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its login.
    pub login: String,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    /// The provider's number for it: it survives renaming.
    pub id: u64,
    /// `owner/name` as it is now.
    pub full_name: String,
    /// What `git clone` takes over HTTPS.
    pub clone_url: String,
    /// Its default branch; none while it is empty.
    pub default_branch: Option<String>,
    /// Whether cloning needs a credential.
    pub is_private: bool,
    /// Whether the account may manage its webhooks; `None` when the provider does not tell.
    pub may_manage_hooks: Option<bool>,
    /// GitHub's `pushed_at`, Unix seconds.
    pub pushed_at: Option<u64>,
}

/// The head of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// 40 or 64 hex digits.
    pub sha: String,
    /// Its whole message.
    pub message: String,
}

/// A webhook as it is to be: JSON, push events (and GitHub's ping), with its secret.
#[derive(Debug, Clone)]
pub struct HookSettings {
    /// Where deliveries go; names the app, and is how a hook is found again.
    pub url: String,
    /// What GitHub and Forgejo sign with, and GitLab sends as its token.
    pub secret: SecretString,
    /// GitLab's signing token, `whsec_…`, where the server has it.
    pub signing_token: Option<SecretString>,
}

/// A webhook as it is.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, as the provider tells it"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hook {
    /// As the provider names it.
    pub id: String,
    /// Where its deliveries go.
    pub url: String,
    /// Whether the provider sends deliveries: neither switched off nor disabled after failures.
    pub is_active: bool,
    /// Until when GitLab has disabled it; `None` when it has not, or for good.
    pub disabled_until: Option<Timestamp>,
    /// Whether it is sent pushes.
    pub has_push_events: bool,
    /// Whether the content type is JSON.
    pub is_json: bool,
    /// Whether TLS is verified.
    pub verifies_tls: bool,
    /// GitLab: whether the signing token has been taken (it is silently ignored where it is switched off).
    pub is_signed: bool,
    /// What the provider says of the last delivery, where it does.
    pub last_response: Option<String>,
}

/// How a delivery ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// 2xx.
    Delivered,
    /// Anything else, or nothing.
    Failed,
}

/// One attempt at a delivery, as GitHub lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Of the attempt.
    pub id: u64,
    /// Of the delivery: the same for all attempts.
    pub guid: String,
    /// `push`, `ping` …
    pub event: String,
    /// When it was attempted.
    pub delivered_at: Timestamp,
    /// How it ended.
    pub outcome: Outcome,
    /// What we answered; 0 when nothing came.
    pub status_code: u16,
}

/// What stands beside a commit at the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// How far the deploy is.
    pub state: StatusState,
    /// One a deploy target, for ever the same.
    pub context: String,
    /// Where people read more.
    pub target_url: String,
    /// Cut to what the provider takes (GitHub: 140 characters).
    pub description: String,
}

/// How far a deploy is, as providers see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusState {
    /// Underway.
    Pending,
    /// Live.
    Success,
    /// Failed.
    Failure,
    /// Ended because of us or of a person: superseded, cancelled. GitLab's `canceled`; elsewhere an `error`.
    Cancelled,
}

/// What GitHub takes of a description; the others take it, too.
const DESCRIPTION: usize = 140;

/// As much of a text as providers take.
pub(crate) fn cut(text: &str) -> String {
    if text.chars().count() <= DESCRIPTION {
        return text.to_owned();
    }
    text.chars().take(DESCRIPTION - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_is_cut_by_characters() {
        assert_eq!(cut("live"), "live");
        assert_eq!(cut(&"ü".repeat(140)).chars().count(), 140);
        let cut = cut(&"ü".repeat(141));
        assert_eq!(cut.chars().count(), 140);
        assert!(cut.ends_with("ü…"));
    }
}

//! The switches that make a provider misbehave, as `/forge/switches` shows and takes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::state::Provider;

/// All switches; the default is a world where everything works.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// What is wrong with GitHub.
    pub github: Upset,
    /// What is wrong with GitLab.
    pub gitlab: Upset,
    /// What is wrong with Forgejo.
    pub forgejo: Upset,
}

/// What is wrong with one provider.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct Upset {
    /// Everything is answered with 503.
    pub down: bool,
    /// How long every answer waits.
    pub slow_ms: u64,
    /// For so many seconds from now on the API answers that it was asked too often; 0 ends it.
    pub rate_limited_seconds: u64,
    /// GitHub: the limit is the secondary one, told by 429 and `Retry-After` instead of 403 and `X-RateLimit-Reset`.
    pub secondary_limit: bool,
    /// The next requests that fit get an error.
    pub fail_next: Vec<Failure>,
    /// The person does not consent.
    pub deny_consent: bool,
    /// No code is exchanged.
    pub refuse_codes: bool,
    /// No token is refreshed.
    pub refuse_refresh: bool,
    /// How long access tokens last, in seconds; the provider's usual when absent.
    pub token_seconds: Option<u64>,
    /// GitHub: user tokens expire, as a GitHub App's do (`token_seconds`, else 8 hours), and refresh.
    pub tokens_expire: bool,
    /// GitLab: whether it has signing tokens.
    pub signing_tokens: bool,
    /// How many hooks a repository may have; the provider's usual when absent.
    pub hook_limit: Option<usize>,
    /// GitLab: hooks are switched off after failures in a row.
    pub disables_hooks: bool,
    /// What becomes of deliveries.
    pub deliveries: Deliveries,
}

impl Default for Upset {
    fn default() -> Self {
        Self {
            down: false,
            slow_ms: 0,
            rate_limited_seconds: 0,
            secondary_limit: false,
            fail_next: Vec::new(),
            deny_consent: false,
            refuse_codes: false,
            refuse_refresh: false,
            token_seconds: None,
            tokens_expire: false,
            signing_tokens: true,
            hook_limit: None,
            disables_hooks: true,
            deliveries: Deliveries::Sent,
        }
    }
}

/// What becomes of deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Deliveries {
    /// They are sent.
    #[default]
    Sent,
    /// They are not made at all, and nobody is told.
    Dropped,
    /// They are attempted, and the other side is not reached.
    Failed,
}

/// A number of requests that are to fail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Failure {
    /// How many are left.
    pub count: u64,
    /// The status they get; 0 cuts the connection.
    pub status: u16,
    /// Only this method.
    pub method: Option<String>,
    /// Only paths that contain this.
    pub path: Option<String>,
    /// Whether the request takes effect before its answer is lost.
    pub after_effect: bool,
}

impl Default for Failure {
    fn default() -> Self {
        Self { count: 1, status: 500, method: None, path: None, after_effect: false }
    }
}

impl Switches {
    /// Those of a provider.
    #[must_use]
    pub fn of(&self, provider: Provider) -> &Upset {
        match provider {
            Provider::Github => &self.github,
            Provider::Gitlab => &self.gitlab,
            Provider::Forgejo => &self.forgejo,
        }
    }

    pub(crate) fn of_mut(&mut self, provider: Provider) -> &mut Upset {
        match provider {
            Provider::Github => &mut self.github,
            Provider::Gitlab => &mut self.gitlab,
            Provider::Forgejo => &mut self.forgejo,
        }
    }

    /// Seconds of each provider's limit.
    pub(crate) fn limits(&self) -> BTreeMap<Provider, u64> {
        Provider::ALL.into_iter().map(|p| (p, self.of(p).rate_limited_seconds)).collect()
    }
}

impl Upset {
    /// The failure that hits this request, counted down.
    pub(crate) fn failure(&mut self, method: &str, path: &str) -> Option<Failure> {
        let hits = |failure: &&mut Failure| {
            failure.count > 0
                && failure.method.as_deref().is_none_or(|only| only == method)
                && failure.path.as_deref().is_none_or(|part| path.contains(part))
        };
        let failure = self.fail_next.iter_mut().find(hits)?;
        failure.count -= 1;
        Some(failure.clone())
    }
}

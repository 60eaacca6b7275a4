//! Providers, links to their repositories, and what came from them.

use clap::ValueEnum;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{Secret, list::list};

/// Where the code is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    /// GitHub, or GitHub Enterprise.
    Github,
    /// GitLab, on gitlab.com or self-managed.
    Gitlab,
    /// Forgejo or Gitea.
    Forgejo,
}

impl Provider {
    /// As the API writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Github => "github",
            Self::Gitlab => "gitlab",
            Self::Forgejo => "forgejo",
        }
    }
}

/// How the tenant stands with each provider.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Connections {
    pub(crate) providers: Vec<Connection>,
}

/// How the tenant stands with a provider.
#[derive(Debug, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "the API has them")]
pub(crate) struct Connection {
    pub(crate) provider: String,
    /// Whether the platform's admin has set it up.
    pub(crate) configured: bool,
    /// Whether it can be connected in a browser.
    #[serde(default)]
    pub(crate) oauth: bool,
    #[serde(default)]
    pub(crate) github_app: bool,
    pub(crate) connected: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    /// A list or a text, as the provider has it: we only pass it on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scopes: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connected_by: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) connected_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// Where a person gives consent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Authorization {
    pub(crate) authorize_url: String,
}

/// With what the platform may act at a provider.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Credential {
    /// A personal access token.
    Token(Secret),
    /// An installation of the platform's GitHub App.
    InstallationId(u64),
}

/// A link as it is to be, whole.
#[derive(Debug, Serialize)]
pub(crate) struct NewSource<'a> {
    pub(crate) provider: Provider,
    pub(crate) repo_full_name: &'a str,
    pub(crate) branch: &'a str,
    pub(crate) auto_deploy_enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clone_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) watch_paths: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signing_token: Option<Secret>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) signing_required: bool,
}

/// Which repository and branch an app follows.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Source {
    pub(crate) app_id: Uuid,
    pub(crate) provider: String,
    pub(crate) repo_full_name: String,
    /// The provider's number of the repository, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) repo_id: Option<i64>,
    pub(crate) branch: String,
    pub(crate) auto_deploy_enabled: bool,
    /// The rollback that paused auto-deploy, until somebody resumes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) auto_deploy_paused_by: Option<Uuid>,
    pub(crate) clone_url: String,
    pub(crate) webhook_url: String,
    #[serde(default)]
    pub(crate) signing_required: bool,
    #[serde(default)]
    pub(crate) watch_paths: Vec<String>,
    /// The commit that is live.
    pub(crate) last_deploy_sha: Option<String>,
    /// Only when it was just made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook_secret: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<Webhook>,
}

/// The webhook at the provider, and what was done about it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Webhook {
    /// Whether the platform looks after it.
    #[serde(default)]
    pub(crate) managed: bool,
    #[serde(default)]
    pub(crate) action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) hook_id: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// What to enter by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<HookSettings>,
}

impl Webhook {
    /// Whether a person has to do it at the provider.
    pub(crate) fn is_manual(&self) -> bool {
        self.action == "manual"
    }
}

/// What to enter at the provider.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct HookSettings {
    pub(crate) url: String,
    pub(crate) content_type: String,
    /// A name or several.
    pub(crate) events: Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<Secret>,
    /// On which page of the provider's.
    #[serde(rename = "where")]
    pub(crate) place: String,
}

/// What became of a link that is gone.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Unlinked {
    pub(crate) status: String,
    pub(crate) webhook: RemovedWebhook,
}

/// What became of its webhook.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RemovedWebhook {
    /// `removed`, `none`, `manual` or `pending`.
    pub(crate) action: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
}

/// What to do about the secret of a webhook.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Rotation {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) webhook_secret: Option<Secret>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) retire_previous: bool,
}

/// What was done about it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RotatedSecret {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook_secret: Option<Secret>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous_valid_until: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<Webhook>,
}

/// Whether pushes arrive and go live, and if not, why.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Health {
    pub(crate) healthy: bool,
    pub(crate) checks: Vec<Check>,
}

/// One thing that has to be right.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Check {
    #[serde(rename = "check")]
    pub(crate) name: String,
    /// `ok`, `warning`, `problem` or `unknown`.
    pub(crate) state: String,
    pub(crate) message: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) fix: Option<String>,
}

/// What a provider sent, and what was made of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Delivery {
    /// A number or a name: we only pass it on.
    pub(crate) id: Value,
    pub(crate) received_at: Option<Timestamp>,
    pub(crate) provider: String,
    pub(crate) origin: String,
    /// The provider's own name for it.
    #[serde(rename = "delivery_id", default, skip_serializing_if = "Option::is_none")]
    pub(crate) provider_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<String>,
    pub(crate) verdict: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deploy_id: Option<Uuid>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
    /// Which secret it was signed with, while two are valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
}

list! {
    /// Deliveries, newest first.
    Deliveries { deliveries: Delivery }
}

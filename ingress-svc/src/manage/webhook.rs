//! What the management API says about an app's webhook: what the platform did about it, or what a person has to enter.

use paas_proto::events::Provider;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    Ingress,
    error::Error,
    hooks::{Action, Settled, Trouble, Verdict},
    store::{HookRow, HookState},
};

/// The app's webhook at the provider.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookView {
    /// Whether the platform keeps it as it should be.
    pub(super) managed: bool,
    /// `registered`, `updated` or `unchanged`: what was done. `pending`: the provider could not be told yet, and the
    /// platform goes on trying. `manual`: enter it by hand.
    #[schema(value_type = String, pattern = "^(registered|updated|unchanged|manual|pending)$")]
    action: &'static str,
    /// As the provider names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hook_id: Option<String>,
    /// Why it is not as it should be.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
    /// What to enter by hand.
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<HookSettingsView>,
}

/// A webhook as it is entered at the provider.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HookSettingsView {
    /// Payload URL; at GitLab: URL.
    url: String,
    content_type: &'static str,
    events: [&'static str; 1],
    /// Only when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
    /// The page at the provider.
    #[serde(rename = "where")]
    page: String,
}

/// Where a webhook is, or is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) app: Uuid,
    pub(super) provider: &'a str,
    pub(super) repo: &'a str,
}

impl WebhookView {
    /// After something was done; an error when asking for the same again does not help.
    pub(super) fn of(
        ingress: &Ingress,
        place: Place<'_>,
        done: Result<Settled, Trouble>,
        secret: Option<&str>,
    ) -> Result<Self, Error> {
        let trouble = match done {
            Ok(Settled { action: Action::Manual, .. }) => {
                return Ok(Self::manual(ingress, place, secret));
            }
            Ok(Settled { action, hook_id }) => {
                let action = name(action);
                return Ok(Self { managed: true, action, hook_id, problem: None, settings: None });
            }
            Err(trouble) => trouble,
        };
        match trouble.verdict() {
            Verdict::Later(_) | Verdict::NotConnected => {
                let problem = Some(format!("{}: the platform goes on trying", trouble.advice()));
                Ok(Self {
                    managed: true,
                    action: "pending",
                    hook_id: None,
                    problem,
                    settings: None,
                })
            }
            Verdict::Conflict | Verdict::Impossible => Err(error(trouble)),
        }
    }

    /// As it stands.
    pub(super) fn standing(ingress: &Ingress, place: Place<'_>, hooks: &[HookRow]) -> Self {
        let Some(hook) = hooks.iter().find(|hook| hook.is_wanted()) else {
            return Self::manual(ingress, place, None);
        };
        let action = if hook.state == HookState::Settled { "unchanged" } else { "pending" };
        Self {
            managed: true,
            action,
            hook_id: hook.hook_id.clone(),
            problem: hook.problem.clone(),
            settings: None,
        }
    }

    fn manual(ingress: &Ingress, place: Place<'_>, secret: Option<&str>) -> Self {
        let settings = HookSettingsView {
            url: ingress.config.webhook_url(place.provider, place.app),
            content_type: "application/json",
            events: ["push"],
            secret: secret.map(str::to_owned),
            page: page(ingress, place),
        };
        let settings = Some(settings);
        Self { managed: false, action: "manual", hook_id: None, problem: None, settings }
    }
}

fn name(action: Action) -> &'static str {
    match action {
        Action::Registered => "registered",
        Action::Updated => "updated",
        Action::Unchanged => "unchanged",
        Action::Manual => "manual",
    }
}

/// Where people enter a webhook.
fn page(ingress: &Ingress, place: Place<'_>) -> String {
    let provider = Provider::from_name(place.provider);
    let client = provider.and_then(|provider| ingress.connections.client(provider));
    let path = match provider {
        Some(Provider::Gitlab) => format!("{}/-/hooks", place.repo),
        Some(Provider::Forgejo) => format!("{}/settings/hooks/gitea/new", place.repo),
        Some(Provider::Github | Provider::Unspecified) | None => {
            format!("{}/settings/hooks/new", place.repo)
        }
    };
    match client {
        Some(client) => format!("{}/{path}", client.web_url().as_str().trim_end_matches('/')),
        None => path,
    }
}

/// What whoever asked can do about trouble.
pub(super) fn error(trouble: Trouble) -> Error {
    let advice = trouble.advice();
    match trouble.verdict() {
        Verdict::Conflict => Error::Conflict(advice),
        Verdict::Impossible | Verdict::NotConnected => Error::Invalid(advice),
        Verdict::Later(wait) => {
            tracing::warn!(error = %trouble, "a provider could not be asked");
            Error::Later(advice, wait)
        }
    }
}

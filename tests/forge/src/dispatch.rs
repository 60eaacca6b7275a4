//! Deliveries: made for a hook, signed as its provider signs, sent, and remembered with what came back.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    deliveries::{self, Delivery, Push},
    state::{Attempt, Hook, Provider, Repo, State},
    switches::Deliveries,
    world::World,
};

/// GitLab switches a hook off for a while after so many failures in a row, and for good after so many.
const GITLAB_FAILURES: u32 = 4;
const GITLAB_LAST_FAILURE: u32 = 40;

/// A delivery that is to be sent.
#[derive(Debug, Clone)]
pub(crate) struct Dispatch {
    pub(crate) repo: u64,
    pub(crate) hook: u64,
    pub(crate) url: String,
    pub(crate) guid: String,
    pub(crate) event: &'static str,
    pub(crate) is_redelivery: bool,
    pub(crate) delivery: Delivery,
}

impl Dispatch {
    /// A push, to a hook of the repository.
    pub(crate) fn push(repo: &Repo, hook: &Hook, push: &Push) -> Self {
        let secret = hook.secret.as_deref().unwrap_or_default();
        let (guid, delivery) = match repo.provider {
            Provider::Github => (push.delivery_id, github(repo, hook, push.github(secret))),
            Provider::Gitlab => {
                let push = Push { delivery_id: Uuid::new_v4(), ..push.clone() };
                (push.delivery_id, gitlab(hook, &push))
            }
            Provider::Forgejo => {
                let push = Push { delivery_id: Uuid::new_v4(), ..push.clone() };
                (push.delivery_id, forgejo(hook, push.forgejo(secret)))
            }
        };
        Self::new(repo, hook, guid.to_string(), "push", delivery)
    }

    /// GitHub's ping.
    pub(crate) fn ping(repo: &Repo, hook: &Hook) -> Self {
        let guid = Uuid::new_v4();
        let body = json!({
            "zen": "Design for failure.",
            "hook_id": hook.id,
            "hook": {
                "type": "Repository", "id": hook.id, "name": "web", "active": hook.active,
                "events": hook.events,
                "config": { "content_type": hook.content_type, "insecure_ssl": "0", "url": hook.url },
            },
            "repository": { "id": repo.id, "full_name": repo.full_name },
        });
        let secret = hook.secret.as_deref().unwrap_or_default();
        let delivery = deliveries::github_event("ping", &body, secret)
            .with_header("x-github-delivery", &guid.to_string());
        Self::new(repo, hook, guid.to_string(), "ping", github(repo, hook, delivery))
    }

    /// An attempt once more: the same delivery, byte for byte.
    pub(crate) fn again(repo: &Repo, hook: &Hook, attempt: &Attempt) -> Self {
        let event = if attempt.event == "ping" { "ping" } else { "push" };
        let delivery = match (repo.provider, &hook.secret) {
            // Signed anew: the secret may have changed since.
            (Provider::Github, Some(secret)) => {
                let body = attempt.delivery.body.clone();
                attempt.delivery.clone().with_signed_body(body, secret)
            }
            _ => attempt.delivery.clone(),
        };
        let guid = attempt.guid.clone();
        Self { is_redelivery: true, ..Self::new(repo, hook, guid, event, delivery) }
    }

    fn new(
        repo: &Repo,
        hook: &Hook,
        guid: String,
        event: &'static str,
        delivery: Delivery,
    ) -> Self {
        let (repo, hook, url) = (repo.id, hook.id, hook.url.clone());
        Self { repo, hook, url, guid, event, is_redelivery: false, delivery }
    }
}

fn github(repo: &Repo, hook: &Hook, delivery: Delivery) -> Delivery {
    let delivery = delivery
        .with_header("x-github-hook-id", &hook.id.to_string())
        .with_header("x-github-hook-installation-target-id", &repo.id.to_string());
    let Some(secret) = &hook.secret else { return delivery.without_header("x-hub-signature-256") };
    if hook.content_type == "form" { delivery.as_form(secret) } else { delivery }
}

fn gitlab(hook: &Hook, push: &Push) -> Delivery {
    let token = hook.secret.as_deref();
    let delivery = push.gitlab(token.unwrap_or_default());
    let (id, now) = (push.delivery_id.to_string(), Timestamp::now());
    let signed = match &hook.signing_token {
        Some(signing_token) => delivery.signed(signing_token, &id, now),
        None => delivery
            .without_header("x-gitlab-token")
            .with_header("webhook-id", &id)
            .with_header("webhook-timestamp", &now.as_second().to_string()),
    };
    match token {
        Some(token) => signed.with_header("x-gitlab-token", token),
        None => signed,
    }
}

fn forgejo(hook: &Hook, delivery: Delivery) -> Delivery {
    let names = delivery.headers.keys().filter(|name| name.contains("signature"));
    let signatures: Vec<_> = names.cloned().collect();
    match &hook.secret {
        Some(_) => delivery,
        None => signatures.iter().fold(delivery, |delivery, name| delivery.without_header(name)),
    }
}

impl Attempt {
    /// Whether it was answered with 2xx.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status_code)
    }
}

/// Sends deliveries one after the other and remembers each.
pub(crate) async fn send_all(world: &Arc<World>, dispatches: Vec<Dispatch>) -> Vec<Attempt> {
    let mut attempts = Vec::new();
    for dispatch in dispatches {
        let provider = Provider::named(&dispatch.delivery.provider).unwrap_or(Provider::Github);
        let fate = world.with(|state| state.switches.of(provider).deliveries);
        let answer = match fate {
            Deliveries::Sent => send(world, &dispatch).await,
            Deliveries::Failed => unreachable(),
            Deliveries::Dropped => continue,
        };
        attempts.push(world.with(|state| remember(state, provider, dispatch, answer)));
    }
    attempts
}

type Answer = (u16, String, Value);

fn unreachable() -> Answer {
    (0, "failed to connect to host".to_owned(), Value::Null)
}

async fn send(world: &World, dispatch: &Dispatch) -> Answer {
    let mut request = world.http.post(&dispatch.url).body(dispatch.delivery.body.clone());
    for (name, value) in &dispatch.delivery.headers {
        request = request.header(name, value);
    }
    match request.send().await {
        Ok(answer) => {
            let status = answer.status();
            let words = if status.is_success() {
                "OK".to_owned()
            } else {
                format!("Invalid HTTP Response: {}", status.as_u16())
            };
            let body = answer.json().await.unwrap_or_default();
            (status.as_u16(), words, body)
        }
        Err(error) if error.is_timeout() => (0, "timed out".to_owned(), Value::Null),
        Err(_) => unreachable(),
    }
}

fn remember(state: &mut State, provider: Provider, dispatch: Dispatch, answer: Answer) -> Attempt {
    let (status_code, status, answer) = answer;
    let attempt = Attempt {
        id: state.next_id(),
        guid: dispatch.guid,
        event: dispatch.event.to_owned(),
        redelivery: dispatch.is_redelivery,
        at: Timestamp::now(),
        status_code,
        status,
        answer,
        delivery: dispatch.delivery,
    };
    let disables = provider == Provider::Gitlab && state.switches.gitlab.disables_hooks;
    if let Some(hook) = state.hook(provider, dispatch.repo, dispatch.hook) {
        hook.remember(attempt.clone());
        if attempt.is_success() {
            (hook.failures, hook.disabled, hook.disabled_until) = (0, false, None);
        } else {
            hook.failures += 1;
            if disables {
                disable(hook);
            }
        }
    }
    attempt
}

/// GitLab: a minute after the fourth failure, twice as long after each further one, up to a day; for good after the 40th.
fn disable(hook: &mut Hook) {
    let Some(over) = hook.failures.checked_sub(GITLAB_FAILURES) else { return };
    let minutes = 1_i64.checked_shl(over).unwrap_or(i64::MAX).clamp(1, 24 * 60);
    hook.disabled = hook.failures >= GITLAB_LAST_FAILURE;
    hook.disabled_until =
        (!hook.disabled).then(|| Timestamp::now() + jiff::SignedDuration::from_mins(minutes));
}

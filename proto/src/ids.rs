//! Identities that both ends derive alike. They come from authenticated content only: a header that the signature does
//! not cover could be changed on a captured delivery and would make it a new push.

use std::fmt;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::events::Provider;

/// Namespace of the deploy ids (a random UUID, fixed for ever).
const DEPLOYS: Uuid = Uuid::from_u128(0x6a1f_0c5e_3b9d_4e8f_9c27_51d2_7be8_43a1);

/// What makes a push the same push: a SHA-256 in hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity(String);

impl Identity {
    /// GitHub: a redelivery repeats the signed body, two pushes differ at least in `pushed_at`.
    #[must_use]
    pub fn of_signed_body(provider: Provider, body: &[u8]) -> Self {
        Self::hash(&[provider.name().as_bytes(), b"body", body])
    }

    /// GitLab: `webhook-id` of a signed delivery, else `Idempotency-Key`; both stay the same over retries and resends.
    #[must_use]
    pub fn of_key(provider: Provider, key: &str) -> Self {
        Self::hash(&[provider.name().as_bytes(), b"key", key.as_bytes()])
    }

    /// GitLab before 17.4, which sends no such key.
    #[must_use]
    pub fn of_change(
        provider: Provider,
        project: u64,
        reference: &str,
        before: &str,
        after: &str,
    ) -> Self {
        let project = project.to_string();
        let parts = [provider.name(), "change", project.as_str(), reference, before, after]
            .map(str::as_bytes);
        Self::hash(&parts)
    }

    /// A head of a branch of which no delivery came: `newest` is the app's newest deploy, or its link while there is none,
    /// so that one head is made up for once after each deploy, whichever replica finds it.
    #[must_use]
    pub fn of_sweep(provider: Provider, newest: &str, head: &str) -> Self {
        Self::hash(&[provider.name(), "sweep", newest, head].map(str::as_bytes))
    }

    /// Each part is preceded by its length, so that no two lists of parts look alike.
    fn hash(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        Self(hex::encode(hasher.finalize()))
    }

    /// The identity as 64 hex digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The deploy that a push means: a retry, a redelivery and a replay all give the same one.
#[must_use]
pub fn deploy_id(app: Uuid, identity: &Identity, attempt: u32) -> Uuid {
    let mut name = Vec::with_capacity(96);
    name.extend_from_slice(app.as_bytes());
    name.extend_from_slice(identity.as_str().as_bytes());
    name.extend_from_slice(&attempt.to_be_bytes());
    Uuid::new_v5(&DEPLOYS, &name)
}

/// What a person asks for that makes a deploy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Build and deploy once more.
    Redeploy,
    /// Put an earlier release live.
    RollBack,
}

/// The deploy that a person's request means; `id` is theirs, so that repeating it changes nothing.
#[must_use]
pub fn requested_deploy_id(app: Uuid, request: Request, id: &str) -> Uuid {
    let kind: &[u8] = match request {
        Request::Redeploy => b"redeploy",
        Request::RollBack => b"roll back",
    };
    deploy_id(app, &Identity::hash(&[kind, id.as_bytes()]), 0)
}

/// Name of a deploy's PipelineRun: unique for each attempt, and the same however often it is tried.
///
/// Tekton sends no events for a name that it has seen before, so names are never used again.
#[must_use]
pub fn run_name(deploy: Uuid) -> String {
    format!("deploy-{}", deploy.simple())
}

/// The inverse of [`run_name`].
#[must_use]
pub fn deploy_of_run(name: &str) -> Option<Uuid> {
    Uuid::try_parse(name.strip_prefix("deploy-")?).ok().filter(|deploy| run_name(*deploy) == name)
}

/// `Nats-Msg-Id` of the public copy of an event.
#[must_use]
pub fn deploy_event_message_id(app: Uuid, version: u64) -> String {
    format!("{app}:{version}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Uuid = Uuid::from_u128(1);

    #[test]
    fn a_repeated_body_means_the_same_deploy() {
        let id = |body: &[u8]| deploy_id(APP, &Identity::of_signed_body(Provider::Github, body), 0);
        assert_eq!(id(b"push"), id(b"push"));
        assert_ne!(id(b"push"), id(b"another push"));
    }

    #[test]
    fn apps_and_attempts_never_share_a_deploy() {
        let identity = Identity::of_key(Provider::Gitlab, "key");
        assert_ne!(deploy_id(APP, &identity, 0), deploy_id(APP, &identity, 1));
        assert_ne!(deploy_id(APP, &identity, 0), deploy_id(Uuid::from_u128(2), &identity, 0));
    }

    #[test]
    fn parts_cannot_be_shifted_into_one_another() {
        let change =
            |reference, before| Identity::of_change(Provider::Gitlab, 7, reference, before, "c");
        assert_ne!(change("ab", "c"), change("a", "bc"));
    }

    #[test]
    fn a_head_that_was_missed_is_made_up_for_once_after_each_deploy() {
        let id = |newest| deploy_id(APP, &Identity::of_sweep(Provider::Github, newest, "head"), 0);
        assert_eq!(id("a deploy"), id("a deploy"));
        assert_ne!(id("a deploy"), id("the next"));
    }

    #[test]
    fn deploy_ids_never_change_between_versions() {
        let identity = Identity::of_signed_body(Provider::Github, b"body");
        assert_eq!(
            deploy_id(APP, &identity, 0).to_string(),
            "df178639-9e44-5484-abf8-7d5b98084685"
        );
    }

    #[test]
    fn a_run_name_leads_back_to_its_deploy() {
        let deploy = deploy_id(APP, &Identity::of_key(Provider::Gitlab, "key"), 0);
        assert_eq!(deploy_of_run(&run_name(deploy)), Some(deploy));
        assert!(run_name(deploy).len() <= 63, "a Kubernetes name");
        assert_eq!(deploy_of_run("somebody-elses"), None);
        assert_eq!(deploy_of_run(&run_name(deploy).to_uppercase()), None);
    }

    #[test]
    fn a_redeploy_and_a_rollback_with_one_request_id_are_two_deploys() {
        let id = |request| requested_deploy_id(APP, request, "key");
        assert_ne!(id(Request::Redeploy), id(Request::RollBack));
    }
}

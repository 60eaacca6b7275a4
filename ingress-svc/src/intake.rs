//! The way of a push into the stream, whether it was delivered or the sweeper found it: it is judged, and published
//! under its deploy's id.

use jiff::Timestamp;
use paas_proto::{
    events::{Place, Provider, PushEvent},
    ids::{self, Identity},
};
use telemetry::Label as _;
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    Ingress,
    delivery::Push,
    error::Error,
    ledger::{self, Origin},
    metrics::Published,
    store::{Earlier, Source},
    verdict::Verdict,
};

/// Whence a push comes, and what is known about it beside itself.
pub(crate) struct Intake<'a> {
    pub(crate) ingress: &'a Ingress,
    pub(crate) app: Uuid,
    pub(crate) provider: Provider,
    /// Read with the identity, if that was known: so it tells what became of the push before.
    pub(crate) source: &'a Source,
    /// None where the push itself has to tell.
    pub(crate) identity: Option<Identity>,
    pub(crate) origin: Origin,
    /// As the provider shows it; empty where nothing was delivered.
    pub(crate) delivery_id: String,
    pub(crate) received_at: Timestamp,
    /// Publishing ends then at the latest.
    pub(crate) answer_by: Instant,
}

/// What became of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) verdict: ledger::Verdict,
    /// Of a push that is deployed, now or before.
    pub(crate) deploy_id: Option<Uuid>,
}

impl Intake<'_> {
    /// Judges the push and, unless it is filtered out, stores it in JetStream. An error says that it may not be stored.
    pub(crate) async fn take(&self, push: &Push) -> Result<Taken, Error> {
        let verdict = match Verdict::of(self.source, push) {
            Verdict::Deploy => {
                let (deploy_id, is_new) = self.publish(push).await?;
                let verdict =
                    if is_new { ledger::Verdict::Queued } else { ledger::Verdict::Duplicate };
                return Ok(Taken { verdict, deploy_id: Some(deploy_id) });
            }
            Verdict::Unchanged => {
                self.publish(push).await?;
                ledger::Verdict::Unchanged
            }
            Verdict::RepositoryMismatch => ledger::Verdict::RepositoryMismatch,
            Verdict::BranchDeleted => ledger::Verdict::BranchDeleted,
            Verdict::BranchMismatch => ledger::Verdict::BranchMismatch,
            Verdict::AutoDeployDisabled => ledger::Verdict::AutoDeployDisabled,
            Verdict::SkippedByMessage => ledger::Verdict::SkippedByMessage,
            Verdict::NoWatchedPath => ledger::Verdict::NoWatchedPath,
        };
        tracing::info!(verdict = verdict.value(), sha = %push.after, "push filtered");
        Ok(Taken { verdict, deploy_id: None })
    }

    /// Says which deploy the push means, and whether that is new.
    async fn publish(&self, push: &Push) -> Result<(Uuid, bool), Error> {
        let (identity, earlier) = self.identity(push).await?;
        let (attempt, original_place) = self.attempt(earlier.as_ref());
        let deploy_id = ids::deploy_id(self.app, &identity, attempt);
        self.learn_repo_id(push).await;
        let event = self.event(push, deploy_id, &identity, attempt, original_place);
        let Ingress { publisher, metrics, .. } = self.ingress;
        let published = publisher.push(self.app, &event, self.answer_by);
        let published = metrics.publishing(published).await.map_err(Error::cannot_accept)?;
        tracing::info!(deploy.id = %deploy_id, sha = %push.after, attempt, "push published");
        let is_known = earlier.is_some_and(|earlier| earlier.attempt == attempt);
        Ok((deploy_id, !is_known && published == Published::Stored))
    }

    /// The push's identity and what became of it before.
    async fn identity(&self, push: &Push) -> Result<(Identity, Option<Earlier>), Error> {
        if let Some(identity) = &self.identity {
            return Ok((identity.clone(), self.source.earlier.clone()));
        }
        let identity = Identity::of_change(
            self.provider,
            push.repo_id.unwrap_or_default(),
            &push.reference,
            push.before.as_str(),
            push.after.as_str(),
        );
        let read =
            self.ingress.store.source_of_delivery(self.app, self.provider.name(), Some(&identity));
        let source = read.await.map_err(Error::cannot_accept)?;
        Ok((identity, source.and_then(|source| source.earlier)))
    }

    /// Nobody asks again by a sweep.
    fn attempt(&self, earlier: Option<&Earlier>) -> (u32, Option<Place>) {
        match self.origin {
            Origin::Webhook => attempt(earlier),
            Origin::Sweep => attempt(
                earlier.map(|earlier| Earlier { failed: false, ..earlier.clone() }).as_ref(),
            ),
        }
    }

    /// Another push will do as well if this does not work.
    async fn learn_repo_id(&self, push: &Push) {
        let id = push.repo_id.and_then(|id| i64::try_from(id).ok());
        let (None, Some(id)) = (self.source.repo_id, id) else { return };
        if let Err(error) = self.ingress.store.learn_repo_id(self.app, &push.repo, id).await {
            tracing::warn!(%error, "the repository's id could not be kept");
        }
    }

    fn event(
        &self,
        push: &Push,
        deploy_id: Uuid,
        identity: &Identity,
        attempt: u32,
        original_place: Option<Place>,
    ) -> PushEvent {
        PushEvent {
            deploy_id: deploy_id.to_string(),
            app_id: self.app.to_string(),
            provider: self.provider.into(),
            repo_full_name: push.repo.clone(),
            repo_id: push.repo_id.unwrap_or_default(),
            branch: push.branch().unwrap_or_default().to_owned(),
            before: push.before.to_string(),
            after: push.after.to_string(),
            pushed_at: push.pushed_at,
            identity: identity.to_string(),
            attempt,
            original_place,
            delivery_id: self.delivery_id.clone(),
            received_at: Some(crate::time::to_proto(self.received_at)),
            clone_url: self.source.clone_url.clone(),
            changed_paths: push.changed_paths.clone(),
            paths_truncated: push.paths_truncated,
        }
    }
}

/// A redelivery means the same deploy, until that has failed or was cancelled: then a person asks again, for the next
/// attempt in the push's first place in the order, so that it never overtakes a newer push.
fn attempt(earlier: Option<&Earlier>) -> (u32, Option<Place>) {
    let Some(earlier) = earlier else { return (0, None) };
    let attempt = earlier.attempt.saturating_add(earlier.failed.into());
    (attempt, earlier.place.filter(|_| attempt > 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { epoch: 1, sequence: 5 };

    fn earlier(attempt: u32, failed: bool) -> Earlier {
        Earlier { attempt, failed, place: Some(PLACE) }
    }

    #[test]
    fn a_redelivery_means_the_same_deploy() {
        assert_eq!(attempt(None), (0, None));
        assert_eq!(attempt(Some(&earlier(0, false))), (0, None));
        assert_eq!(attempt(Some(&earlier(2, false))), (2, Some(PLACE)));
    }

    #[test]
    fn after_a_failure_it_is_the_next_attempt_in_its_first_place() {
        assert_eq!(attempt(Some(&earlier(0, true))), (1, Some(PLACE)));
        assert_eq!(attempt(Some(&earlier(2, true))), (3, Some(PLACE)));
    }
}

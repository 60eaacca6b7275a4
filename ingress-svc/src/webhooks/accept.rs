//! What happens to a delivery once it is known to be authentic.

use std::borrow::Cow;

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_TYPE, HeaderMap},
};
use jiff::Timestamp;
use paas_proto::{
    events::{Place, Provider, PushEvent},
    ids::{self, Identity},
};
use telemetry::Label as _;
use tokio::time::Instant;
use uuid::Uuid;

use super::Answer;
use crate::{
    Ingress,
    delivery::{self, Kind, Push},
    error::{self, Error},
    metrics,
    store::{Earlier, Source},
    verdict::Verdict,
    verify::Header,
};

/// Longer delivery ids are nothing that a person would search by.
const MAX_DELIVERY_ID_BYTES: usize = 128;

/// An authentic delivery.
pub(super) struct Delivery<'a> {
    pub(super) ingress: &'a Ingress,
    pub(super) provider: Provider,
    pub(super) app: Uuid,
    pub(super) source: Source,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) identity: Option<Identity>,
    pub(super) received_at: Timestamp,
    pub(super) answer_by: Instant,
}

impl Delivery<'_> {
    pub(super) async fn accept(self) -> Result<(metrics::Verdict, HttpResponse), Error> {
        match self.kind() {
            Kind::Ping => {
                let answer = Answer::Ping { ping: "ok" };
                return Ok((metrics::Verdict::Ping, error::ok(answer)));
            }
            Kind::Other => {
                let answer = Answer::Status { status: "non-push event ignored" };
                return Ok((metrics::Verdict::IgnoredEvent, error::ok(answer)));
            }
            Kind::Push => {}
        }
        let push = self.push()?;
        let verdict = Verdict::of(&self.source, &push);
        let status = match verdict {
            Verdict::RepositoryMismatch => "repository mismatch, no deploy triggered",
            Verdict::BranchDeleted => "branch deleted, no deploy triggered",
            Verdict::BranchMismatch => "branch mismatch, no deploy triggered",
            Verdict::AutoDeployDisabled => "auto_deploy disabled",
            Verdict::Unchanged => {
                self.publish(&push).await?;
                "sha unchanged, skipped"
            }
            Verdict::Deploy => {
                let deploy_id = self.publish(&push).await?;
                let sha = push.after.to_string();
                let answer = Answer::Queued { deploy_id, sha, repo: push.repo };
                return Ok((verdict.counted(), error::accepted(answer)));
            }
        };
        let verdict = verdict.counted();
        tracing::info!(verdict = verdict.value(), sha = %push.after, "push filtered");
        Ok((verdict, error::accepted(Answer::Status { status })))
    }

    fn kind(&self) -> Kind {
        match self.provider {
            Provider::Github | Provider::Forgejo => {
                delivery::github::kind(Header::read(self.headers, "x-github-event").value())
            }
            Provider::Gitlab | Provider::Unspecified => {
                delivery::gitlab::kind(Header::read(self.headers, "x-gitlab-event").value())
            }
        }
    }

    fn push(&self) -> Result<Push, Error> {
        let content = Header::read(self.headers, CONTENT_TYPE.as_str());
        match (self.provider, content_type(content.value().unwrap_or_default())) {
            (Provider::Github, Content::Json) => Ok(delivery::github::push(self.body)?),
            (Provider::Github, Content::Form) => {
                let json: Cow<'_, str> = delivery::github::payload_of_form(self.body)?;
                Ok(delivery::github::push(json.as_bytes())?)
            }
            (_, Content::Json) => Ok(delivery::gitlab::push(self.body)?),
            (_, Content::Form | Content::Other) => Err(Error::UnsupportedContentType),
        }
    }

    /// Stores the push in JetStream, and says which deploy it means.
    async fn publish(&self, push: &Push) -> Result<Uuid, Error> {
        let (identity, earlier) = self.identity(push).await?;
        let (attempt, original_place) = attempt(earlier.as_ref());
        let deploy_id = ids::deploy_id(self.app, &identity, attempt);
        self.learn_repo_id(push).await;
        let event = self.event(push, deploy_id, &identity, attempt, original_place);
        let Ingress { publisher, metrics, .. } = self.ingress;
        let published = publisher.push(self.app, &event, self.answer_by);
        metrics.publishing(published).await.map_err(Error::cannot_accept)?;
        tracing::info!(deploy.id = %deploy_id, sha = %push.after, attempt, "push published");
        Ok(deploy_id)
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
            delivery_id: self.delivery_id(),
            received_at: Some(crate::time::to_proto(self.received_at)),
            clone_url: self.source.clone_url.clone(),
            changed_paths: push.changed_paths.clone(),
            paths_truncated: push.paths_truncated,
        }
    }

    /// What the provider shows in its list of deliveries.
    fn delivery_id(&self) -> String {
        let names: &[&str] = match self.provider {
            Provider::Github | Provider::Forgejo => &["x-github-delivery"],
            Provider::Gitlab | Provider::Unspecified => {
                &["idempotency-key", "webhook-id", "x-gitlab-event-uuid"]
            }
        };
        names
            .iter()
            .find_map(|name| Header::read(self.headers, name).value())
            .filter(|id| id.len() <= MAX_DELIVERY_ID_BYTES)
            .unwrap_or_default()
            .to_owned()
    }
}

/// A redelivery means the same deploy, until that has failed or was cancelled: then a person asks again, for the next
/// attempt in the push's first place in the order, so that it never overtakes a newer push.
fn attempt(earlier: Option<&Earlier>) -> (u32, Option<Place>) {
    let Some(earlier) = earlier else { return (0, None) };
    let attempt = earlier.attempt.saturating_add(earlier.failed.into());
    (attempt, earlier.place.filter(|_| attempt > 0))
}

#[derive(Debug, PartialEq, Eq)]
enum Content {
    Json,
    Form,
    Other,
}

fn content_type(header: &str) -> Content {
    let essence = header.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.strip_prefix("application/") {
        Some("json") => Content::Json,
        Some("x-www-form-urlencoded") => Content::Form,
        Some(structured) if structured.ends_with("+json") => Content::Json,
        Some(_) | None => Content::Other,
    }
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

    #[test]
    fn a_content_type_may_have_parameters() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/x.y+json"]
        {
            assert_eq!(content_type(json), Content::Json, "{json}");
        }
        let form = "application/x-www-form-urlencoded; charset=UTF-8";
        assert_eq!(content_type(form), Content::Form);
        for other in ["", "text/plain", "text/json", "application/jsonp", "multipart/form-data"] {
            assert_eq!(content_type(other), Content::Other, "{other}");
        }
    }
}

//! What happens to a delivery once it is known to be authentic.

use std::borrow::Cow;

use actix_web::{
    HttpResponse,
    http::header::{CONTENT_TYPE, HeaderMap},
};
use jiff::Timestamp;
use paas_proto::{events::Provider, ids::Identity};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    Answer,
    content::{Content, content_type},
};
use crate::{
    Ingress,
    delivery::{self, Kind, Push},
    error::{self, Error},
    intake::Intake,
    ledger::{Entry, Origin, Secret, Verdict},
    metrics,
    store::Source,
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
    /// Which of the app's secrets it showed; none when it is signed with the signing token.
    pub(super) secret: Option<Secret>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) identity: Option<Identity>,
    pub(super) received_at: Timestamp,
    pub(super) answer_by: Instant,
}

impl Delivery<'_> {
    /// Answers it, and notes in the ledger what became of it.
    pub(super) async fn accept(self) -> Result<(metrics::Verdict, HttpResponse), Error> {
        let mut entry = self.entry();
        let answered = self.answer(&mut entry).await;
        entry.verdict = match &answered {
            Ok((verdict, _)) => *verdict,
            Err(error) => error.into(),
        };
        self.ingress.ledger.note(entry);
        answered.map(|(verdict, response)| (verdict.into(), response))
    }

    async fn answer(&self, entry: &mut Entry) -> Result<(Verdict, HttpResponse), Error> {
        match self.kind() {
            Kind::Ping => {
                return Ok((Verdict::Ping, error::ok(Answer::Ping { ping: "ok" })));
            }
            Kind::Other => {
                let answer = Answer::Status { status: "non-push event ignored" };
                return Ok((Verdict::IgnoredEvent, error::ok(answer)));
            }
            Kind::Push => {}
        }
        let push = self.push()?;
        entry.sha = Some(push.after.to_string());
        entry.branch = push.branch().map(str::to_owned);
        let taken = self.intake().take(&push).await?;
        entry.deploy_id = taken.deploy_id;
        let answer = match taken.deploy_id {
            Some(deploy_id) => {
                Answer::Queued { deploy_id, sha: push.after.to_string(), repo: push.repo }
            }
            None => Answer::Status { status: status(taken.verdict) },
        };
        Ok((taken.verdict, error::accepted(answer)))
    }

    fn event(&self) -> Option<&str> {
        let names: &[&str] = match self.provider {
            Provider::Github => &["x-github-event"],
            Provider::Forgejo => &["x-forgejo-event", "x-gitea-event", "x-github-event"],
            Provider::Gitlab | Provider::Unspecified => &["x-gitlab-event"],
        };
        names.iter().find_map(|name| Header::read(self.headers, name).value())
    }

    fn kind(&self) -> Kind {
        match self.provider {
            Provider::Github => delivery::github::kind(self.event()),
            Provider::Forgejo => delivery::forgejo::kind(self.event()),
            Provider::Gitlab | Provider::Unspecified => delivery::gitlab::kind(self.event()),
        }
    }

    fn push(&self) -> Result<Push, Error> {
        let content = Header::read(self.headers, CONTENT_TYPE.as_str());
        let json = match (self.provider, content_type(content.value().unwrap_or_default())) {
            (_, Content::Json) => Cow::Borrowed(self.body),
            (Provider::Github | Provider::Forgejo, Content::Form) => {
                match delivery::github::payload_of_form(self.body)? {
                    Cow::Borrowed(json) => Cow::Borrowed(json.as_bytes()),
                    Cow::Owned(json) => Cow::Owned(json.into_bytes()),
                }
            }
            (_, Content::Form | Content::Other) => return Err(Error::UnsupportedContentType),
        };
        Ok(match self.provider {
            Provider::Github => delivery::github::push(&json),
            Provider::Forgejo => delivery::forgejo::push(&json),
            Provider::Gitlab | Provider::Unspecified => delivery::gitlab::push(&json),
        }?)
    }

    fn intake(&self) -> Intake<'_> {
        Intake {
            ingress: self.ingress,
            app: self.app,
            provider: self.provider,
            source: &self.source,
            identity: self.identity.clone(),
            origin: Origin::Webhook,
            delivery_id: self.delivery_id(),
            received_at: self.received_at,
            answer_by: self.answer_by,
        }
    }

    /// What is known of it before it is read.
    fn entry(&self) -> Entry {
        Entry {
            app: self.app,
            provider: self.provider,
            origin: Origin::Webhook,
            delivery_id: self.delivery_id(),
            event: self.event().unwrap_or_default().to_owned(),
            verdict: Verdict::Unavailable,
            deploy_id: None,
            sha: None,
            branch: None,
            secret: self.secret,
            received_at: self.received_at,
        }
    }

    /// What the provider shows in its list of deliveries.
    fn delivery_id(&self) -> String {
        let names: &[&str] = match self.provider {
            Provider::Github => &["x-github-delivery"],
            Provider::Forgejo => &["x-forgejo-delivery", "x-gitea-delivery", "x-github-delivery"],
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

/// The contract's words for a push that is not deployed.
fn status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::RepositoryMismatch => "repository mismatch, no deploy triggered",
        Verdict::BranchDeleted => "branch deleted, no deploy triggered",
        Verdict::BranchMismatch => "branch mismatch, no deploy triggered",
        Verdict::AutoDeployDisabled => "auto_deploy disabled",
        Verdict::SkippedByMessage => "skipped by commit message",
        Verdict::NoWatchedPath => "no watched path changed",
        Verdict::Unchanged => "sha unchanged, skipped",
        // No push that is filtered out.
        Verdict::Queued
        | Verdict::Duplicate
        | Verdict::Ping
        | Verdict::IgnoredEvent
        | Verdict::Malformed
        | Verdict::Unavailable => "no deploy triggered",
    }
}

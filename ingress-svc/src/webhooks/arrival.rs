//! A delivery of which it is not known yet who sent it: it is held against the secrets of the app that it names.

use std::borrow::Cow;

use actix_web::http::header::{CONTENT_TYPE, HeaderMap};
use jiff::Timestamp;
use paas_proto::{events::Provider, ids::Identity};
use uuid::Uuid;

use crate::{
    Ingress, delivery,
    error::Error,
    exchange::Exchange,
    failures::Exceeded,
    ledger::Secret,
    secrets::Purpose,
    store::{Credentials, Source},
    verify::{
        self, Header,
        gitlab::{Presented, SigningToken},
    },
};

use super::content::{Content, content_type};

/// A delivery as it came.
pub(super) struct Arrival<'a> {
    pub(super) ingress: &'a Ingress,
    pub(super) exchange: &'a Exchange,
    pub(super) provider: Provider,
    /// As the path names it; none when that is no UUID.
    pub(super) app: Option<Uuid>,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
    pub(super) received_at: Timestamp,
}

impl Arrival<'_> {
    /// What makes this push the same push, as far as it shows without parsing; it counts only once the delivery is
    /// authentic. GitLab before 17.4 sends no key: its identity is in the body, and costs a second read.
    pub(super) fn identity(&self) -> Option<Identity> {
        match self.provider {
            Provider::Github => Some(Identity::of_signed_body(self.provider, self.body)),
            // A form says no more than the JSON in it, which is what they sign.
            Provider::Forgejo => {
                let text = self.form_payload();
                let text = text.as_deref().map_or(self.body, str::as_bytes);
                Some(Identity::of_signed_body(self.provider, text))
            }
            Provider::Gitlab | Provider::Unspecified => {
                let is_signed = Presented::read(self.headers).is_signed();
                let name = if is_signed { "webhook-id" } else { "idempotency-key" };
                let key = Header::read(self.headers, name).value();
                key.map(|key| Identity::of_key(self.provider, key))
            }
        }
    }

    /// The app, its source, and which secret was shown, when the delivery is authentic.
    pub(super) async fn authenticate(
        &self,
        identity: Option<&Identity>,
    ) -> Result<(Uuid, Source, Option<Secret>), Error> {
        let Self { ingress, exchange, app, .. } = self;
        if let Some(exceeded) = ingress.failures.exceeded(exchange.client(), *app) {
            self.look_up_with_others(exceeded).await?;
        }
        let found = self.look_up(identity).await;
        if let Err(Error::NoSource(_) | Error::NotAuthentic(_)) = found {
            ingress.failures.record(exchange.client(), *app);
        }
        found
    }

    /// In a flood: passes what is authentic, and refuses only what is known not to be.
    async fn look_up_with_others(&self, exceeded: Exceeded) -> Result<(), Error> {
        let credentials = match self.app {
            Some(app) => {
                let asked = self.ingress.shared_lookups.credentials(app, self.provider);
                asked.await.map_err(Error::cannot_accept)?.map(|found| (app, found))
            }
            None => None,
        };
        let held = credentials.map(|(app, credentials)| self.hold_against(app, &credentials));
        match held {
            Some(Ok(_)) => Ok(()),
            // Perhaps it is authentic, if only we could tell.
            Some(Err(error @ Error::CannotAccept(_))) => Err(error),
            Some(Err(_)) | None => {
                self.ingress.metrics.rate_limited(exceeded.limit);
                Err(Error::TooManyRequests(exceeded.retry_after))
            }
        }
    }

    async fn look_up(
        &self,
        identity: Option<&Identity>,
    ) -> Result<(Uuid, Source, Option<Secret>), Error> {
        let source = match self.app {
            Some(app) => self
                .ingress
                .store
                .source_of_delivery(app, self.provider.name(), identity)
                .await
                .map_err(Error::cannot_accept)?,
            None => None,
        };
        let (Some(app), Some(source)) = (self.app, source) else {
            verify::pretend(self.body);
            return Err(Error::NoSource(self.provider));
        };
        let secret = self.hold_against(app, &source.credentials)?;
        if let Some(secret) = secret {
            self.ingress.metrics.secret_matched(secret);
        }
        Ok((app, source, secret))
    }

    /// Which of the app's secrets it shows: the current one, or the one before as long as that is valid. None when it
    /// is signed with the signing token, of which there is one.
    fn hold_against(&self, app: Uuid, credentials: &Credentials) -> Result<Option<Secret>, Error> {
        let is_signed = match self.provider {
            Provider::Github | Provider::Forgejo => false,
            Provider::Gitlab | Provider::Unspecified => Presented::read(self.headers).is_signed(),
        };
        let current = self.open(Purpose::WebhookSecret, app, &credentials.webhook_secret)?;
        let token = match credentials.signing_token.as_deref() {
            Some(sealed) if is_signed => Some(self.open(Purpose::SigningToken, app, sealed)?),
            Some(_) | None => None,
        };
        let held = self.hold(current, token, credentials.signing_required);
        match (held, credentials.previous_webhook_secret.as_deref()) {
            (Ok(()), _) => Ok((!is_signed).then_some(Secret::Current)),
            (Err(Error::NotAuthentic(_)), Some(previous)) if !is_signed => {
                let previous = self.open(Purpose::WebhookSecret, app, previous)?;
                self.hold(previous, None, credentials.signing_required)?;
                Ok(Some(Secret::Previous))
            }
            (Err(error), _) => Err(error),
        }
    }

    fn open(&self, purpose: Purpose, app: Uuid, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.ingress.keys.secrets.open(purpose, app, sealed).map_err(Error::cannot_accept)
    }

    /// Whether it shows this secret, or is signed with this token.
    fn hold(
        &self,
        secret: Vec<u8>,
        token: Option<Vec<u8>>,
        signing_required: bool,
    ) -> Result<(), Error> {
        match self.provider {
            Provider::Github => {
                let signature = Header::read(self.headers, verify::github::SIGNATURE);
                verify::github::verify(&secret, signature, self.body)?;
            }
            Provider::Forgejo => {
                let payload = self.form_payload();
                let payload = payload.as_deref().map(str::as_bytes);
                let texts: Vec<_> = payload.into_iter().chain([self.body]).collect();
                verify::forgejo::verify(&secret, self.headers, &texts)?;
            }
            Provider::Gitlab | Provider::Unspecified => {
                let signing_token = token
                    .map(|token| String::from_utf8_lossy(&token).parse::<SigningToken>())
                    .transpose()
                    .map_err(Error::cannot_accept)?;
                let expected = verify::gitlab::Expected { secret, signing_token, signing_required };
                let presented = Presented::read(self.headers);
                verify::gitlab::verify(&expected, presented, self.body, self.received_at)?;
            }
        }
        Ok(())
    }

    /// The JSON in a form.
    fn form_payload(&self) -> Option<Cow<'_, str>> {
        let header = Header::read(self.headers, CONTENT_TYPE.as_str());
        match content_type(header.value().unwrap_or_default()) {
            Content::Form => delivery::github::payload_of_form(self.body).ok(),
            Content::Json | Content::Other => None,
        }
    }
}

//! A delivery of which it is not known yet who sent it: it is held against the secrets of the app that it names.

use actix_web::http::header::HeaderMap;
use jiff::Timestamp;
use paas_proto::{events::Provider, ids::Identity};
use uuid::Uuid;

use crate::{
    Ingress,
    error::Error,
    exchange::Exchange,
    failures::Exceeded,
    secrets::Purpose,
    store::{Credentials, Source},
    verify::{
        self, Header,
        gitlab::{Presented, SigningToken},
    },
};

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
        if self.provider == Provider::Github {
            return Some(Identity::of_signed_body(self.provider, self.body));
        }
        let is_signed = Presented::read(self.headers).is_signed();
        let name = if is_signed { "webhook-id" } else { "idempotency-key" };
        Header::read(self.headers, name).value().map(|key| Identity::of_key(self.provider, key))
    }

    /// The app and its source, when the delivery is authentic.
    pub(super) async fn authenticate(
        &self,
        identity: Option<&Identity>,
    ) -> Result<(Uuid, Source), Error> {
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
            Some(Ok(())) => Ok(()),
            // Perhaps it is authentic, if only we could tell.
            Some(Err(error @ Error::CannotAccept(_))) => Err(error),
            Some(Err(_)) | None => {
                self.ingress.metrics.rate_limited(exceeded.limit);
                Err(Error::TooManyRequests(exceeded.retry_after))
            }
        }
    }

    async fn look_up(&self, identity: Option<&Identity>) -> Result<(Uuid, Source), Error> {
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
        self.hold_against(app, &source.credentials)?;
        Ok((app, source))
    }

    fn hold_against(&self, app: Uuid, credentials: &Credentials) -> Result<(), Error> {
        let open = |purpose, sealed: &[u8]| {
            self.ingress.keys.secrets.open(purpose, app, sealed).map_err(Error::cannot_accept)
        };
        let secret = open(Purpose::WebhookSecret, &credentials.webhook_secret)?;
        if self.provider == Provider::Github {
            let signature = Header::read(self.headers, verify::github::SIGNATURE);
            return Ok(verify::github::verify(&secret, signature, self.body)?);
        }
        let token = credentials.signing_token.as_deref();
        let token = token.map(|sealed| open(Purpose::SigningToken, sealed)).transpose()?;
        let signing_token = token
            .map(|token| String::from_utf8_lossy(&token).parse::<SigningToken>())
            .transpose()
            .map_err(Error::cannot_accept)?;
        let expected = verify::gitlab::Expected {
            secret,
            signing_token,
            signing_required: credentials.signing_required,
        };
        let presented = Presented::read(self.headers);
        Ok(verify::gitlab::verify(&expected, presented, self.body, self.received_at)?)
    }
}

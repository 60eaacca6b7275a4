//! The next access token. A refresh token can be used once: whoever uses it holds the connection's row, and writes down
//! what came before anybody uses that.

use std::time::Duration;

use git_providers::{Error, Grant};
use paas_proto::events::Provider;
use secrecy::SecretString;
use uuid::Uuid;

use super::{Connections, NoSession, is_fresh, is_valid, refused};
use crate::{
    secrets::Purpose,
    store::{Connection, ConnectionKind, Tokens},
};

/// How long another may take who renews the same connection: a request, and what is around it.
const PATIENCE: Duration = Duration::from_secs(12);
/// While the token at hand is still good, nobody waits for another who renews it.
const NO_PATIENCE: Duration = Duration::from_millis(1);
const WITHIN: Duration = Duration::from_secs(30);
/// A refresh token that is spent and whose successor is lost costs a person a new connection: tried so often to keep it.
const TRIES_TO_KEEP: usize = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

impl Connections {
    /// The access token, after it was renewed by us or by another.
    pub(super) async fn renewed(
        &self,
        tenant: Uuid,
        provider: Provider,
    ) -> Result<SecretString, NoSession> {
        let permit = self.renewals.acquire().await.map_err(NoSession::unavailable)?;
        let before = self.stored(tenant, provider).await?;
        let is_valid_still = is_valid(&before);
        let patience = if is_valid_still { NO_PATIENCE } else { PATIENCE };
        let renewal =
            if is_fresh(&before) { Ok(()) } else { self.renew(tenant, provider, patience).await };
        drop(permit);
        match renewal {
            Ok(()) => {}
            Err(NoSession::Unavailable(error)) if is_valid_still => {
                tracing::info!(error, provider = provider.name(), "a token is renewed later");
            }
            Err(error) => return Err(error),
        }
        let now = self.stored(tenant, provider).await?;
        refused(&now)?;
        let sealed = now.access_token.ok_or(NoSession::NotConnected)?;
        Ok(self.open(Purpose::AccessToken, tenant, provider, &sealed)?)
    }

    async fn stored(&self, tenant: Uuid, provider: Provider) -> Result<Connection, NoSession> {
        let found = self.store.of(tenant).connection(provider.name()).await?;
        found.ok_or(NoSession::NotConnected)
    }

    async fn renew(
        &self,
        tenant: Uuid,
        provider: Provider,
        patience: Duration,
    ) -> Result<(), NoSession> {
        let mut granted: Option<(Option<Vec<u8>>, Tokens)> = None;
        let mut refusal: Option<(Option<Vec<u8>>, String)> = None;
        let tenancy = self.store.of(tenant);
        let held = tenancy
            .hold_connection(provider.name(), patience, WITHIN, async |connection| {
                let connection = connection.ok_or(NoSession::NotConnected)?;
                refused(&connection)?;
                if is_fresh(&connection) {
                    return Ok(None);
                }
                let old = connection.access_token.clone();
                match self.grant(tenant, provider, &connection).await {
                    Ok(grant) => {
                        let tokens = self.seal(tenant, provider, &grant)?;
                        granted = Some((old, tokens.clone()));
                        fail::fail_point!("connections::granted", |_| crate::failpoints::crash());
                        Ok(Some(tokens))
                    }
                    Err(NoSession::Refused(because)) => {
                        refusal = Some((old, because.clone()));
                        Err(NoSession::Refused(because))
                    }
                    Err(error) => Err(error),
                }
            })
            .await;
        if let Some((old, because)) = refusal {
            self.refuse(tenant, provider, old.as_deref(), &because).await?;
        }
        match (held, granted) {
            (Ok(done), _) => done,
            (Err(error), Some((old, tokens))) => {
                tracing::warn!(error = %error, "a renewed token could not be kept at once");
                self.keep(tenant, provider, old.as_deref(), &tokens).await
            }
            (Err(error), None) => Err(error.into()),
        }
    }

    /// Writes down what was granted, when the transaction that was to do it broke.
    async fn keep(
        &self,
        tenant: Uuid,
        provider: Provider,
        old: Option<&[u8]>,
        tokens: &Tokens,
    ) -> Result<(), NoSession> {
        let mut tries = 0;
        loop {
            let tenancy = self.store.of(tenant);
            match tenancy.renew_connection(provider.name(), old, tokens).await {
                Ok(_) => return Ok(()),
                Err(error) if tries == TRIES_TO_KEEP => return Err(error.into()),
                Err(_) => tokio::time::sleep(BETWEEN_TRIES).await,
            }
            tries += 1;
        }
    }

    async fn grant(
        &self,
        tenant: Uuid,
        provider: Provider,
        connection: &Connection,
    ) -> Result<Grant, NoSession> {
        let client = self.client(provider).ok_or(NoSession::NotConnected)?;
        let granted = match (connection.kind, connection.installation, &connection.refresh_token) {
            (ConnectionKind::GithubApp, Some(installation), _) => {
                client.installation_grant(installation).await
            }
            (_, _, Some(refresh)) => {
                let token = self.open(Purpose::RefreshToken, tenant, provider, refresh)?;
                client.refresh(&token, &self.redirect_uri(provider)).await
            }
            (_, _, None) => {
                return Err(NoSession::Refused("the access token has expired".to_owned()));
            }
        };
        granted.map_err(|error| match error {
            Error::Refused { .. }
            | Error::Unauthorized { .. }
            | Error::Forbidden { .. }
            | Error::NotFound { .. } => NoSession::Refused(error.to_string()),
            Error::HookLimit { .. }
            | Error::Moved { .. }
            | Error::RateLimited { .. }
            | Error::Rejected { .. }
            | Error::Unavailable { .. }
            | Error::Unexpected { .. }
            | Error::NotConfigured => NoSession::unavailable(error),
        })
    }
}

//! Connecting by consent in the browser: begun by somebody with a token, finished by whoever comes back with the state
//! that was made then. A state is used once, within five minutes, and connects the tenant that it was made for.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use git_providers::{Error as ProviderError, Verifier};
use paas_proto::events::Provider;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use url::Url;
use uuid::Uuid;

use super::Connections;
use crate::{
    access::Actor,
    secrets::{self, Owner, Purpose},
    store::{self, ConnectionKind, NewConnection, OauthState},
};

/// Why a connection was not made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotConnected {
    /// The administrator has not registered us there.
    #[error("OAuth provider not configured by admin")]
    NotConfigured,
    /// Unknown, used, too old, or another provider's.
    #[error("invalid or expired state")]
    State,
    /// The provider says no.
    #[error("{0}")]
    Provider(#[from] ProviderError),
    /// The installation is another tenant's.
    #[error("this installation is connected by another tenant")]
    Taken,
    /// The database is in trouble.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Sealing or opening failed.
    #[error(transparent)]
    Secrets(#[from] secrets::Error),
}

impl Connections {
    /// Where the browser is to go.
    pub(crate) async fn begin(
        &self,
        tenant: Uuid,
        actor: &Actor,
        provider: Provider,
    ) -> Result<Url, NotConnected> {
        let client = self.client(provider).filter(|client| client.has_oauth());
        let client = client.ok_or(NotConnected::NotConfigured)?;
        let state = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        let (hash, verifier) = (hash(&state), Verifier::random());
        let owner = Owner::State(&hash);
        let sealed =
            self.secrets.seal(Purpose::PkceVerifier, owner, verifier.expose().as_bytes())?;
        let redirect_uri = self.redirect_uri(provider);
        let url = client.authorize_url(&redirect_uri, &state, &verifier.challenge())?;
        let (who, token) = (actor.to_string(), actor.token());
        let tenancy = self.store.of(tenant);
        tenancy.begin_connecting(&hash, provider.name(), &sealed, &who, token).await?;
        Ok(url)
    }

    /// Takes the state that a browser came back with: from here on it is used, whatever comes of it.
    pub(crate) async fn take(
        &self,
        provider: Provider,
        state: &str,
    ) -> Result<Begun, NotConnected> {
        let hash = hash(state);
        let taken = self.store.take_state(&hash).await?.ok_or(NotConnected::State)?;
        if !taken.is_fresh || taken.provider != provider.name() {
            return Err(NotConnected::State);
        }
        let verifier =
            self.secrets.open_text(Purpose::PkceVerifier, Owner::State(&hash), &taken.verifier)?;
        let actor = actor(&taken);
        Ok(Begun { tenant: taken.tenant, actor, provider, verifier: Verifier::of(verifier) })
    }

    /// Exchanges the code and keeps what was granted; the account.
    pub(crate) async fn finish(
        &self,
        begun: Begun,
        code: SecretString,
    ) -> Result<String, NotConnected> {
        let Begun { tenant, actor, provider, verifier } = begun;
        let client = self.client(provider).ok_or(NotConnected::NotConfigured)?;
        let redirect_uri = self.redirect_uri(provider);
        let grant = client.exchange_code(&code, &redirect_uri, &verifier).await?;
        fail::fail_point!("connections::exchanged", |_| crate::failpoints::crash());
        let account = match client.session(grant.access_token.clone()).account().await {
            Ok(account) => account.login,
            Err(error @ ProviderError::Unauthorized { .. }) => return Err(error.into()),
            // The code is spent: what it brought is kept.
            Err(error) => {
                tracing::warn!(%error, "the account of a new connection is not known");
                String::new()
            }
        };
        let new = NewConnection {
            provider: provider.name(),
            kind: ConnectionKind::Oauth,
            tokens: self.seal(tenant, provider, &grant)?,
            account: &account,
            installation: None,
            connected_by: &actor.to_string(),
        };
        self.store.of(tenant).put_connection(&new).await?;
        tracing::info!(tenant.id = %tenant, provider = provider.name(), account, "connected");
        Ok(account)
    }
}

/// A connection that was begun, and whose state has come back.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) tenant: Uuid,
    pub(crate) actor: Actor,
    provider: Provider,
    verifier: Verifier,
}

fn hash(state: &str) -> [u8; 32] {
    Sha256::digest(state).into()
}

fn actor(state: &OauthState) -> Actor {
    match state.token {
        Some(id) => {
            let name = state.actor.strip_prefix("token ").unwrap_or(&state.actor);
            Actor::Token { id, name: name.to_owned() }
        }
        None => Actor::Operator,
    }
}

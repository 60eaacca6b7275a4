//! A tenant's way into its repositories: the credential that it connected, opened, renewed when it is about to end, and
//! marked when the provider refuses it.

mod credential;
pub(crate) mod oauth;
mod renewal;

use std::{sync::Arc, time::Duration};

use git_providers::{Client, Grant, Session};
use jiff::Timestamp;
use paas_proto::events::Provider;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{runtime::Handle, sync::Semaphore};
use uuid::Uuid;

use crate::{
    Ingress,
    config::Config,
    providers::Providers,
    secrets::{self, Keyring, Owner, Purpose},
    store::{self, Connection, ConnectionKind, Store, Tokens},
};

/// An access token that ends sooner is renewed first.
const MARGIN: Duration = Duration::from_mins(5);
/// Connections to the database that renewals may hold at a time, each as long as a provider takes to answer.
const MAX_RENEWALS: usize = 3;

/// Why a provider cannot be asked for a tenant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSession {
    /// The tenant has not connected this provider.
    #[error("not connected")]
    NotConnected,
    /// The provider refuses the credential: somebody has to connect again.
    #[error("the provider refuses the credential: {0}")]
    Refused(String),
    /// Trouble that may pass: of ours, or the provider's while a token was renewed.
    #[error("cannot be asked now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl NoSession {
    fn unavailable(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Unavailable(cause.into())
    }
}

impl From<store::Error> for NoSession {
    fn from(error: store::Error) -> Self {
        Self::unavailable(error)
    }
}

impl From<secrets::Error> for NoSession {
    fn from(error: secrets::Error) -> Self {
        Self::unavailable(error)
    }
}

/// All tenants' connections; clones are the same.
#[derive(Clone)]
pub(crate) struct Connections {
    pub(crate) providers: Providers,
    store: Store,
    secrets: Arc<Keyring>,
    public_url: String,
    renewals: Arc<Semaphore>,
    /// Where providers are asked: what is begun there is not given up when a caller goes away.
    runtime: Handle,
}

impl Ingress {
    /// The provider, asked with the tenant's credential.
    pub(crate) async fn session(
        &self,
        tenant: Uuid,
        provider: Provider,
    ) -> Result<Session, NoSession> {
        self.connections.session(tenant, provider).await
    }

    /// For whoever asked something with the session: when the error says that the provider refuses the credential, that
    /// is written down, or the credential is renewed. Whether the error says so.
    pub(crate) async fn note_refusal(
        &self,
        tenant: Uuid,
        provider: Provider,
        session: &Session,
        error: &git_providers::Error,
    ) -> bool {
        self.connections.note_refusal(tenant, provider, session, error).await
    }
}

impl Connections {
    /// Asks nobody yet. Providers will be asked on the runtime that this is called on.
    pub(crate) fn new(
        config: &Config,
        store: Store,
        secrets: Arc<Keyring>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            providers: Providers::new(&config.git, config.allow_local_clone_urls)?,
            store,
            secrets,
            public_url: config.public_url.clone(),
            renewals: Arc::new(Semaphore::new(MAX_RENEWALS)),
            runtime: Handle::current(),
        })
    }

    /// Where the browser comes back to.
    pub(crate) fn redirect_uri(&self, provider: Provider) -> String {
        let base = self.public_url.trim_end_matches('/');
        format!("{base}/v1/auth/{}/callback", provider.name())
    }

    /// The provider, asked with the tenant's credential.
    pub(crate) async fn session(
        &self,
        tenant: Uuid,
        provider: Provider,
    ) -> Result<Session, NoSession> {
        let client = self.providers.get(provider).ok_or(NoSession::NotConnected)?;
        let found = self.store.of(tenant).connection(provider.name()).await?;
        let connection = found.ok_or(NoSession::NotConnected)?;
        refused(&connection)?;
        if let Some(token) = connection.access_token.as_deref().filter(|_| is_fresh(&connection)) {
            return Ok(client.session(self.open(Purpose::AccessToken, tenant, provider, token)?));
        }
        let connections = self.clone();
        let renewed = async move { connections.renewed(tenant, provider).await };
        let token = self.runtime.spawn(renewed).await.map_err(NoSession::unavailable)??;
        Ok(client.session(token))
    }

    /// What [`Ingress::note_refusal`] does.
    pub(crate) async fn note_refusal(
        &self,
        tenant: Uuid,
        provider: Provider,
        session: &Session,
        error: &git_providers::Error,
    ) -> bool {
        if !matches!(error, git_providers::Error::Unauthorized { .. }) {
            return false;
        }
        if let Err(error) = self.mark_refused(tenant, provider, session, error).await {
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::warn!(error, "a refused credential could not be marked");
        }
        true
    }

    async fn mark_refused(
        &self,
        tenant: Uuid,
        provider: Provider,
        session: &Session,
        error: &git_providers::Error,
    ) -> Result<(), NoSession> {
        let tenancy = self.store.of(tenant);
        let Some(connection) = tenancy.connection(provider.name()).await? else { return Ok(()) };
        let Some(sealed) = connection.access_token.as_deref() else { return Ok(()) };
        // Another token by now: somebody has connected again, or it was renewed.
        let token = self.open(Purpose::AccessToken, tenant, provider, sealed)?;
        if token.expose_secret() != session.clone_credential().1.expose_secret() {
            return Ok(());
        }
        if connection.kind == ConnectionKind::GithubApp || connection.refresh_token.is_some() {
            // Perhaps it only ended early. If not, the provider says so now.
            tenancy.expire_access_token(provider.name(), sealed).await?;
            return self.session(tenant, provider).await.map(drop);
        }
        self.refuse(tenant, provider, Some(sealed), &error.to_string()).await
    }

    async fn refuse(
        &self,
        tenant: Uuid,
        provider: Provider,
        sealed: Option<&[u8]>,
        because: &str,
    ) -> Result<(), NoSession> {
        let name = provider.name();
        tracing::warn!(tenant.id = %tenant, provider = name, because, "a credential is refused");
        Ok(self.store.of(tenant).refuse_connection(name, sealed, because).await?)
    }

    pub(crate) fn open(
        &self,
        purpose: Purpose,
        tenant: Uuid,
        provider: Provider,
        sealed: &[u8],
    ) -> Result<SecretString, secrets::Error> {
        self.secrets.open_text(purpose, Owner::Connection(tenant, provider), sealed)
    }

    /// A grant as it is kept.
    pub(crate) fn seal(
        &self,
        tenant: Uuid,
        provider: Provider,
        grant: &Grant,
    ) -> Result<Tokens, secrets::Error> {
        let seal = |purpose, token: &SecretString| {
            let owner = Owner::Connection(tenant, provider);
            self.secrets.seal(purpose, owner, token.expose_secret().as_bytes())
        };
        let refresh = grant.refresh_token.as_ref();
        Ok(Tokens {
            access: seal(Purpose::AccessToken, &grant.access_token)?,
            refresh: refresh.map(|token| seal(Purpose::RefreshToken, token)).transpose()?,
            expires_at: grant.expires_at,
            scopes: grant.scopes.clone(),
        })
    }

    /// Runs to its end where providers are asked, even if nobody waits for it any more.
    pub(crate) async fn to_its_end<T: Send + 'static>(
        &self,
        act: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, tokio::task::JoinError> {
        use tracing::Instrument as _;
        self.runtime.spawn(act.in_current_span()).await
    }

    pub(crate) fn client(&self, provider: Provider) -> Option<&Client> {
        self.providers.get(provider)
    }
}

fn refused(connection: &Connection) -> Result<(), NoSession> {
    match &connection.refused_because {
        Some(because) => Err(NoSession::Refused(because.clone())),
        None => Ok(()),
    }
}

/// Whether the access token lasts for a while.
fn is_fresh(connection: &Connection) -> bool {
    let lasts = |end: Timestamp| Timestamp::now() + MARGIN < end;
    connection.access_token.is_some() && connection.expires_at.is_none_or(lasts)
}

/// Whether the access token is still good for a request.
fn is_valid(connection: &Connection) -> bool {
    let lasts = |end: Timestamp| Timestamp::now() + Duration::from_secs(30) < end;
    connection.access_token.is_some() && connection.expires_at.is_none_or(lasts)
}

//! Connecting without a browser, by a personal access token or the installation of a GitHub App; and disconnecting.

use git_providers::{Error as ProviderError, Grant};
use paas_proto::events::Provider;
use secrecy::SecretString;
use uuid::Uuid;

use super::{Connections, oauth::NotConnected};
use crate::{
    access::Actor,
    secrets::Purpose,
    store::{ConnectionKind, NewConnection},
};

impl Connections {
    /// Connects with a person's token, if the provider takes it.
    pub(crate) async fn put_token(
        &self,
        tenant: Uuid,
        actor: &Actor,
        provider: Provider,
        token: SecretString,
    ) -> Result<(), NotConnected> {
        let client = self.client(provider).ok_or(NotConnected::NotConfigured)?;
        let account = client.session(token.clone()).account().await?.login;
        let grant = Grant {
            access_token: token,
            refresh_token: None,
            expires_at: None,
            scopes: String::new(),
        };
        let kind = ConnectionKind::Token;
        self.put(tenant, actor, provider, kind, &grant, &account, None).await
    }

    /// Connects with an installation of the administrator's GitHub App, if there is one of this number.
    pub(crate) async fn put_installation(
        &self,
        tenant: Uuid,
        actor: &Actor,
        provider: Provider,
        installation: u64,
    ) -> Result<(), NotConnected> {
        let client = self.client(provider).filter(|client| client.has_app());
        let client = client.ok_or(NotConnected::NotConfigured)?;
        let grant = client.installation_grant(installation).await?;
        let kind = ConnectionKind::GithubApp;
        self.put(tenant, actor, provider, kind, &grant, "", Some(installation)).await
    }

    #[expect(clippy::too_many_arguments, reason = "a connection is what it is")]
    async fn put(
        &self,
        tenant: Uuid,
        actor: &Actor,
        provider: Provider,
        kind: ConnectionKind,
        grant: &Grant,
        account: &str,
        installation: Option<u64>,
    ) -> Result<(), NotConnected> {
        let new = NewConnection {
            provider: provider.name(),
            kind,
            tokens: self.seal(tenant, provider, grant)?,
            account,
            installation,
            connected_by: &actor.to_string(),
        };
        if !self.store.of(tenant).put_connection(&new).await? {
            return Err(NotConnected::Taken);
        }
        tracing::info!(tenant.id = %tenant, provider = provider.name(), account, "connected");
        Ok(())
    }

    /// Ends a connection, at the provider as well: as far as that answers, or can.
    pub(crate) async fn disconnect(
        &self,
        tenant: Uuid,
        provider: Provider,
    ) -> Result<(), NotConnected> {
        let tenancy = self.store.of(tenant);
        let Some(connection) = tenancy.connection(provider.name()).await? else { return Ok(()) };
        if let (Some(sealed), ConnectionKind::Oauth) = (&connection.access_token, connection.kind) {
            match self.open(Purpose::AccessToken, tenant, provider, sealed) {
                Ok(token) => self.revoke(tenant, provider, &token).await,
                Err(error) => tracing::warn!(%error, "a credential was not revoked"),
            }
        }
        fail::fail_point!("connections::revoked", |_| crate::failpoints::crash());
        tenancy.delete_connection(provider.name()).await?;
        tracing::info!(tenant.id = %tenant, provider = provider.name(), "disconnected");
        Ok(())
    }

    async fn revoke(&self, tenant: Uuid, provider: Provider, token: &SecretString) {
        let Some(client) = self.client(provider) else { return };
        let (name, tenant) = (provider.name(), tenant.to_string());
        match client.revoke(token).await {
            Ok(()) => {}
            Err(ProviderError::NotConfigured) => {
                tracing::warn!(tenant.id = tenant, provider = name, "not revoked: no OAuth client");
            }
            Err(error) => {
                tracing::warn!(tenant.id = tenant, provider = name, %error, "a credential was not revoked");
            }
        }
    }
}

//! A tenant's way into its repositories: the credential that it connected, opened, refreshed when it is about to end,
//! and marked when the provider refuses it.

use git_providers::Session;
use paas_proto::events::Provider;
use uuid::Uuid;

use crate::Ingress;

/// Why a provider cannot be asked for a tenant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoSession {
    /// The tenant has not connected this provider.
    #[error("not connected")]
    NotConnected,
    /// The provider refuses the credential: somebody has to connect again.
    #[error("the provider refuses the credential: {0}")]
    Refused(String),
    /// Trouble that may pass: of ours, or the provider's while a token was refreshed.
    #[error("cannot be asked now")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Ingress {
    /// The provider, asked with the tenant's credential.
    pub(crate) async fn session(
        &self,
        _tenant: Uuid,
        _provider: Provider,
    ) -> Result<Session, NoSession> {
        todo!()
    }
}

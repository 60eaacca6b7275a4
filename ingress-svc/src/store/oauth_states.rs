//! Connections that were begun: each is used once, within five minutes.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Store, Tenancy};

/// Those that ran out go along.
const BEGIN: &str = "
    with expired as (delete from oauth_states where tenant_id = $2 and expires_at < now())
    insert into oauth_states (state_hash, tenant_id, provider, verifier, actor, token_id, expires_at)
    values ($1, $2, $3, $4, $5, $6, now() + interval '5 minutes')";

const TAKE: &str = "
    delete from oauth_states where state_hash = $1
    returning tenant_id, provider, verifier, actor, token_id, expires_at > now() as is_fresh";

/// A connection that was begun.
#[derive(Debug)]
pub(crate) struct OauthState {
    pub(crate) tenant: Uuid,
    pub(crate) provider: String,
    /// Sealed.
    pub(crate) verifier: Vec<u8>,
    /// Who began it.
    pub(crate) actor: String,
    /// With which token; none for the operator's.
    pub(crate) token: Option<Uuid>,
    /// Whether it is less than five minutes old.
    pub(crate) is_fresh: bool,
}

impl Tenancy<'_> {
    /// Remembers that somebody has begun to connect.
    pub(crate) async fn begin_connecting(
        &self,
        state_hash: &[u8; 32],
        provider: &str,
        verifier: &[u8],
        actor: &str,
        token: Option<Uuid>,
    ) -> Result<(), Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(BEGIN).await?;
            let hash = state_hash.as_slice();
            client
                .execute(&statement, &[&hash, &self.tenant, &provider, &verifier, &actor, &token])
                .await
                .map(drop)
        })
        .await
    }
}

impl Store {
    /// Takes a state away: whatever comes of it, it is used.
    pub(crate) async fn take_state(
        &self,
        state_hash: &[u8; 32],
    ) -> Result<Option<OauthState>, Error> {
        self.with_client(async |client| {
            let statement = client.prepare_cached(TAKE).await?;
            let row = client.query_opt(&statement, &[&state_hash.as_slice()]).await?;
            row.as_ref().map(state).transpose()
        })
        .await
    }
}

fn state(row: &Row) -> Result<OauthState, tokio_postgres::Error> {
    Ok(OauthState {
        tenant: row.try_get("tenant_id")?,
        provider: row.try_get("provider")?,
        verifier: row.try_get("verifier")?,
        actor: row.try_get("actor")?,
        token: row.try_get("token_id")?,
        is_fresh: row.try_get("is_fresh")?,
    })
}

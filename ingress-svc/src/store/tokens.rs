//! API tokens: looked up by their hash, listed and made for their tenant.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Store, Tenancy};
use crate::access::Scope;

/// By its hash, which nobody can come near by guessing: no comparison here can tell how near.
const HOLDER: &str = "
    select token_id, tenant_id, name, scope,
           last_used_at is null or last_used_at < now() - interval '1 minute' as is_use_new
    from api_tokens
    where token_hash = $1 and revoked_at is null and (expires_at is null or expires_at > now())";

const USED: &str = "
    update api_tokens set last_used_at = now()
    where token_id = $1 and (last_used_at is null or last_used_at < now() - interval '1 minute')";

const COLUMNS: &str =
    "token_id, name, prefix, scope, created_by, created_at, expires_at, last_used_at, revoked_at";

/// Whose a presented token is.
#[derive(Debug, Clone)]
pub(crate) struct Holder {
    pub(crate) token: Uuid,
    pub(crate) tenant: Uuid,
    pub(crate) name: String,
    pub(crate) scope: Scope,
    /// Whether its last use was noted more than a minute ago.
    pub(crate) is_use_new: bool,
}

/// A token as people see it.
#[derive(Debug, Clone)]
pub(crate) struct ApiToken {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) prefix: String,
    pub(crate) scope: String,
    pub(crate) created_by: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) last_used_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// A token to be made.
#[derive(Debug)]
pub(crate) struct NewApiToken<'a> {
    pub(crate) id: Uuid,
    pub(crate) name: &'a str,
    pub(crate) prefix: &'a str,
    pub(crate) hash: &'a [u8; 32],
    pub(crate) scope: Scope,
    pub(crate) created_by: &'a str,
    pub(crate) expires_at: Option<Timestamp>,
}

impl Store {
    /// Whose the token with this hash is; `None` when it is nobody's, or not any more.
    pub(crate) async fn holder(&self, hash: &[u8; 32]) -> Result<Option<Holder>, Error> {
        let found = self
            .with_client(async |client| {
                let statement = client.prepare_cached(HOLDER).await?;
                let row = client.query_opt(&statement, &[&hash.as_slice()]).await?;
                row.as_ref().map(holder).transpose()
            })
            .await;
        match found {
            // The version before knows no tokens but the operator's.
            Err(error) if error.is_of_older_schema() => Ok(None),
            found => Ok(found?.flatten()),
        }
    }

    /// Notes that a token was used, to the minute.
    pub(crate) async fn token_used(&self, token: Uuid) -> Result<(), Error> {
        self.with_client(async |client| {
            let statement = client.prepare_cached(USED).await?;
            client.execute(&statement, &[&token]).await.map(drop)
        })
        .await
    }
}

impl Tenancy<'_> {
    /// Makes a token.
    pub(crate) async fn create_token(&self, new: &NewApiToken<'_>) -> Result<ApiToken, Error> {
        self.transaction(async |client| {
            let create = format!(
                "insert into api_tokens (token_id, tenant_id, name, prefix, token_hash, scope, created_by, expires_at)
                 values ($1, $2, $3, $4, $5, $6, $7, $8) returning {COLUMNS}"
            );
            let statement = client.prepare_cached(&create).await?;
            let hash = new.hash.as_slice();
            let row = client
                .query_one(
                    &statement,
                    &[
                        &new.id,
                        &self.tenant,
                        &new.name,
                        &new.prefix,
                        &hash,
                        &new.scope.name(),
                        &new.created_by,
                        &new.expires_at,
                    ],
                )
                .await?;
            token(&row)
        })
        .await
    }

    /// One token.
    pub(crate) async fn token(&self, id: Uuid) -> Result<Option<ApiToken>, Error> {
        self.transaction(async |client| {
            let one =
                format!("select {COLUMNS} from api_tokens where tenant_id = $1 and token_id = $2");
            let statement = client.prepare_cached(&one).await?;
            let row = client.query_opt(&statement, &[&self.tenant, &id]).await?;
            row.as_ref().map(token).transpose()
        })
        .await
    }

    /// So many tokens, newest first, older than the given one.
    pub(crate) async fn tokens(
        &self,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<ApiToken>, Error> {
        self.transaction(async |client| {
            let page = format!(
                "select {COLUMNS} from api_tokens
                 where tenant_id = $1 and ($2::uuid is null or token_id < $2)
                 order by token_id desc limit $3"
            );
            let statement = client.prepare_cached(&page).await?;
            let rows = client.query(&statement, &[&self.tenant, &before, &limit]).await?;
            rows.iter().map(token).collect()
        })
        .await
    }

    /// Ends a token for good; false when there is none.
    pub(crate) async fn revoke_token(&self, id: Uuid) -> Result<bool, Error> {
        self.transaction(async |client| {
            let revoke = "update api_tokens set revoked_at = coalesce(revoked_at, now())
                          where tenant_id = $1 and token_id = $2";
            let statement = client.prepare_cached(revoke).await?;
            Ok(client.execute(&statement, &[&self.tenant, &id]).await? == 1)
        })
        .await
    }
}

/// `None` when its scope is one of a later version's.
fn holder(row: &Row) -> Result<Option<Holder>, tokio_postgres::Error> {
    let Some(scope) = Scope::from_name(row.try_get("scope")?) else { return Ok(None) };
    Ok(Some(Holder {
        token: row.try_get("token_id")?,
        tenant: row.try_get("tenant_id")?,
        name: row.try_get("name")?,
        scope,
        is_use_new: row.try_get("is_use_new")?,
    }))
}

fn token(row: &Row) -> Result<ApiToken, tokio_postgres::Error> {
    Ok(ApiToken {
        id: row.try_get("token_id")?,
        name: row.try_get("name")?,
        prefix: row.try_get("prefix")?,
        scope: row.try_get("scope")?,
        created_by: row.try_get("created_by")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        last_used_at: row.try_get("last_used_at")?,
        revoked_at: row.try_get("revoked_at")?,
    })
}

//! Tenants' connections to providers. Their secrets go in and come out sealed.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::{Row, error::SqlState};
use uuid::Uuid;

use super::{Error, SAY_WHOSE, Tenancy};

const COLUMNS: &str = "provider, kind, access_token, refresh_token, expires_at, scopes, account, installation_id, \
     refused_because, connected_by, created_at";

const PUT: &str = "
    insert into tenant_git_credentials (tenant_id, provider, kind, access_token, refresh_token, expires_at, scopes,
                                        account, installation_id, connected_by)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    on conflict (tenant_id, provider) do update set
        kind = excluded.kind,
        access_token = excluded.access_token,
        refresh_token = excluded.refresh_token,
        expires_at = excluded.expires_at,
        scopes = excluded.scopes,
        account = excluded.account,
        installation_id = excluded.installation_id,
        refused_at = null,
        refused_because = null,
        connected_by = excluded.connected_by,
        created_at = now(),
        updated_at = now()";

/// Only of the access token that was refused: another may have been granted meanwhile.
const REFUSE: &str = "
    update tenant_git_credentials set refused_at = now(), refused_because = $4, updated_at = now()
    where tenant_id = $1 and provider = $2 and access_token is not distinct from $3 and refused_at is null";

const EXPIRE: &str = "
    update tenant_git_credentials set expires_at = now(), updated_at = now()
    where tenant_id = $1 and provider = $2 and access_token = $3";

/// Only in place of the token that was there: whoever connected again meanwhile has a newer one.
const RENEW: &str = "
    update tenant_git_credentials
    set access_token = $4, refresh_token = coalesce($5, refresh_token), expires_at = $6,
        scopes = case when $7 = '' then scopes else $7 end, updated_at = now()
    where tenant_id = $1 and provider = $2 and access_token is not distinct from $3";

/// How a tenant connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConnectionKind {
    /// By consent in the browser.
    Oauth,
    /// With a personal access token.
    Token,
    /// By the installation of a GitHub App.
    GithubApp,
}

impl ConnectionKind {
    /// Its name in the API and the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Oauth => "oauth",
            Self::Token => "token",
            Self::GithubApp => "github_app",
        }
    }

    fn from_name(name: &str) -> Self {
        let all = [Self::Oauth, Self::Token, Self::GithubApp];
        all.into_iter().find(|kind| kind.name() == name).unwrap_or(Self::Token)
    }
}

/// A connection as it stands.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) provider: String,
    pub(crate) kind: ConnectionKind,
    /// Sealed; none for a GitHub App that was not used yet.
    pub(crate) access_token: Option<Vec<u8>>,
    /// Sealed.
    pub(crate) refresh_token: Option<Vec<u8>>,
    /// When the access token ends.
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) scopes: String,
    pub(crate) account: String,
    pub(crate) installation: Option<u64>,
    /// Why the provider refuses it, if it does.
    pub(crate) refused_because: Option<String>,
    pub(crate) connected_by: String,
    pub(crate) connected_at: Timestamp,
}

/// A connection as it is to be.
#[derive(Debug)]
pub(crate) struct NewConnection<'a> {
    pub(crate) provider: &'a str,
    pub(crate) kind: ConnectionKind,
    pub(crate) tokens: Tokens,
    pub(crate) account: &'a str,
    pub(crate) installation: Option<u64>,
    pub(crate) connected_by: &'a str,
}

/// What was granted, sealed.
#[derive(Debug, Clone)]
pub(crate) struct Tokens {
    pub(crate) access: Vec<u8>,
    pub(crate) refresh: Option<Vec<u8>>,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) scopes: String,
}

impl Tenancy<'_> {
    /// All of the tenant's.
    pub(crate) async fn connections(&self) -> Result<Vec<Connection>, Error> {
        self.transaction(async |client| {
            let all = format!("select {COLUMNS} from tenant_git_credentials where tenant_id = $1");
            let statement = client.prepare_cached(&all).await?;
            client.query(&statement, &[&self.tenant]).await?.iter().map(connection).collect()
        })
        .await
    }

    /// The one to a provider.
    pub(crate) async fn connection(&self, provider: &str) -> Result<Option<Connection>, Error> {
        let found = self
            .transaction(async |client| {
                let statement = client.prepare_cached(&one("")).await?;
                let row = client.query_opt(&statement, &[&self.tenant, &provider]).await?;
                row.as_ref().map(connection).transpose()
            })
            .await;
        match found {
            // The schema of the version before: nobody can have connected.
            Err(error) if error.is_of_older_schema() => Ok(None),
            found => found,
        }
    }

    /// Makes or replaces one; false when the installation is another tenant's.
    pub(crate) async fn put_connection(&self, new: &NewConnection<'_>) -> Result<bool, Error> {
        let (tokens, kind) = (&new.tokens, new.kind.name());
        let installation = new.installation.and_then(|id| i64::try_from(id).ok());
        let put = self
            .transaction(async |client| {
                let statement = client.prepare_cached(PUT).await?;
                client
                    .execute(
                        &statement,
                        &[
                            &self.tenant,
                            &new.provider,
                            &kind,
                            &tokens.access,
                            &tokens.refresh,
                            &tokens.expires_at,
                            &tokens.scopes,
                            &new.account,
                            &installation,
                            &new.connected_by,
                        ],
                    )
                    .await
                    .map(drop)
            })
            .await;
        match put {
            Err(error) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => Ok(false),
            put => put.map(|()| true),
        }
    }

    /// Ends one; whether there was one.
    pub(crate) async fn delete_connection(&self, provider: &str) -> Result<bool, Error> {
        self.transaction(async |client| {
            let one = "delete from tenant_git_credentials where tenant_id = $1 and provider = $2";
            let statement = client.prepare_cached(one).await?;
            Ok(client.execute(&statement, &[&self.tenant, &provider]).await? == 1)
        })
        .await
    }

    /// Writes down that the provider refuses this access token.
    pub(crate) async fn refuse_connection(
        &self,
        provider: &str,
        access_token: Option<&[u8]>,
        because: &str,
    ) -> Result<(), Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(REFUSE).await?;
            client
                .execute(&statement, &[&self.tenant, &provider, &access_token, &because])
                .await
                .map(drop)
        })
        .await
    }

    /// Has the next use renew this access token.
    pub(crate) async fn expire_access_token(
        &self,
        provider: &str,
        access_token: &[u8],
    ) -> Result<(), Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(EXPIRE).await?;
            client.execute(&statement, &[&self.tenant, &provider, &access_token]).await.map(drop)
        })
        .await
    }

    /// Writes down renewed tokens in place of `old`; false when something else is there by now.
    pub(crate) async fn renew_connection(
        &self,
        provider: &str,
        old: Option<&[u8]>,
        tokens: &Tokens,
    ) -> Result<bool, Error> {
        self.transaction(async |client| renew(client, self.tenant, provider, old, tokens).await)
            .await
    }

    /// Holds the connection's row while `renew` asks the provider, so that nobody else does, and writes down what it
    /// brings. Waits no longer than `patience` for another who holds it, and no longer than `within` in all.
    pub(crate) async fn hold_connection<E>(
        &self,
        provider: &str,
        patience: Duration,
        within: Duration,
        renewal: impl AsyncFnOnce(Option<Connection>) -> Result<Option<Tokens>, E>,
    ) -> Result<Result<(), E>, Error> {
        self.store
            .with_client_within(within, async |client| {
                let transaction = client.transaction().await?;
                let whose = transaction.prepare_cached(SAY_WHOSE).await?;
                transaction.query_one(&whose, &[&self.tenant.to_string()]).await?;
                let wait = "select set_config('lock_timeout', $1, true)";
                let wait = transaction.prepare_cached(wait).await?;
                transaction.query_one(&wait, &[&format!("{}ms", patience.as_millis())]).await?;
                let statement = transaction.prepare_cached(&one("for update")).await?;
                let row = transaction.query_opt(&statement, &[&self.tenant, &provider]).await?;
                let held = row.as_ref().map(connection).transpose()?;
                let old = held.as_ref().and_then(|held| held.access_token.clone());
                match renewal(held).await {
                    Ok(Some(tokens)) => {
                        renew(&transaction, self.tenant, provider, old.as_deref(), &tokens).await?;
                    }
                    Ok(None) => {}
                    Err(error) => return Ok(Err(error)),
                }
                transaction.commit().await?;
                Ok(Ok(()))
            })
            .await
    }
}

fn one(lock: &str) -> String {
    format!(
        "select {COLUMNS} from tenant_git_credentials where tenant_id = $1 and provider = $2 {lock}"
    )
}

async fn renew(
    client: &deadpool_postgres::Transaction<'_>,
    tenant: Uuid,
    provider: &str,
    old: Option<&[u8]>,
    tokens: &Tokens,
) -> Result<bool, tokio_postgres::Error> {
    let statement = client.prepare_cached(RENEW).await?;
    let renewed = client
        .execute(
            &statement,
            &[
                &tenant,
                &provider,
                &old,
                &tokens.access,
                &tokens.refresh,
                &tokens.expires_at,
                &tokens.scopes,
            ],
        )
        .await?;
    Ok(renewed == 1)
}

fn connection(row: &Row) -> Result<Connection, tokio_postgres::Error> {
    let installation: Option<i64> = row.try_get("installation_id")?;
    Ok(Connection {
        provider: row.try_get("provider")?,
        kind: ConnectionKind::from_name(row.try_get("kind")?),
        access_token: row.try_get("access_token")?,
        refresh_token: row.try_get("refresh_token")?,
        expires_at: row.try_get("expires_at")?,
        scopes: row.try_get("scopes")?,
        account: row.try_get("account")?,
        installation: installation.and_then(|id| u64::try_from(id).ok()),
        refused_because: row.try_get("refused_because")?,
        connected_by: row.try_get("connected_by")?,
        connected_at: row.try_get("created_at")?,
    })
}

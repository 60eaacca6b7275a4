//! Postgres: the only place with SQL. Every piece of work has one deadline, from waiting for a connection to the last
//! row, and a connection that missed it is thrown away.

mod apps;
mod audit;
mod connect;
mod connections;
mod deliveries;
mod git_health;
mod hooks;
mod idempotency;
mod lookup;
mod oauth_states;
mod reseal;
mod sources;
mod statuses;
mod sweep;
mod tenancy;
mod tenants;
mod tokens;

use std::time::Duration;

use deadpool_postgres::{Client, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use secrecy::{ExposeSecret as _, SecretString};
use telemetry::{Meter, pool};
use tokio::{runtime::Handle, time::Instant};
use tokio_postgres::error::SqlState;
use uuid::Uuid;

pub(crate) use apps::App;
pub(crate) use audit::{AuditEntry, NewAuditEntry};
pub(crate) use connections::{Connection, ConnectionKind, NewConnection, Tokens};
pub(crate) use deliveries::LedgerRow;
pub(crate) use git_health::{CommitsDeploy, LastDelivery, OfCommit};
pub(crate) use hooks::{Confirmed, HookRow, HookState, LinkFacts};
pub(crate) use idempotency::Claim;
pub(crate) use lookup::{Credentials, Earlier, Source};
pub(crate) use oauth_states::OauthState;
pub(crate) use reseal::{Sealed, SealedColumn};
pub(crate) use sources::{CloneLink, GitSource, NewSource};
pub(crate) use statuses::Shown;
pub(crate) use sweep::{Newest, SweptApp};
pub(crate) use tenancy::Tenancy;
pub(crate) use tenants::Tenant;
pub(crate) use tokens::{ApiToken, NewApiToken};

const DEADLINE: Duration = Duration::from_secs(2);
const SAY_WHOSE: &str = "select set_config('paas.tenant_id', $1, true)";

/// The pool of connections.
#[derive(Clone)]
pub(crate) struct Store {
    pool: Pool,
    measured: pool::Pool,
}

/// The database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No answer in time: whether a write happened is not known.
    #[error("the database did not answer within {} s", DEADLINE.as_secs())]
    OutOfTime,
    /// No connection to be had.
    #[error("no connection to the database")]
    Pool(#[from] deadpool_postgres::PoolError),
    /// The query failed.
    #[error("a query failed")]
    Query(#[from] tokio_postgres::Error),
}

impl Error {
    /// What Postgres says is wrong.
    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Query(error) => error.code(),
            Self::OutOfTime | Self::Pool(_) => None,
        }
    }

    /// Whether a table or column is missing: the schema is the one of the version before.
    pub(crate) fn is_of_older_schema(&self) -> bool {
        matches!(self.code(), Some(&SqlState::UNDEFINED_COLUMN | &SqlState::UNDEFINED_TABLE))
    }
}

impl Store {
    /// Makes the pool; nothing is connected yet. Connections live on the given runtime: one opened by an HTTP worker
    /// would stand still whenever that worker is busy.
    pub(crate) fn new(
        url: &SecretString,
        size: u16,
        runtime: Handle,
        meter: &Meter,
    ) -> anyhow::Result<Self> {
        let mut config: tokio_postgres::Config = url
            .expose_secret()
            .parse()
            .map_err(|_| anyhow::anyhow!("DATABASE_URL is not a Postgres URL"))?;
        config.connect_timeout(DEADLINE).application_name("ingress-svc");
        let connect = connect::OnRuntime::new(runtime, &config)?;
        let manager = Manager::from_connect(
            config,
            connect,
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = Pool::builder(manager)
            .max_size(size.into())
            .wait_timeout(Some(DEADLINE))
            .create_timeout(Some(DEADLINE))
            .recycle_timeout(Some(DEADLINE))
            .runtime(Runtime::Tokio1)
            .build()?;
        let shown = pool.clone();
        let measured = pool::Pool::new(meter, move || {
            let status = shown.status();
            pool::Status { max: status.max_size, open: status.size, idle: status.available }
        });
        Ok(Self { pool, measured })
    }

    /// Whether the database answers and has the schema that this version knows.
    pub(crate) async fn check(&self) -> Result<(), Error> {
        self.source_of_delivery(Uuid::nil(), "github", None).await.map(drop)
    }

    async fn with_client<T>(
        &self,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Error> {
        self.with_client_within(DEADLINE, work).await
    }

    async fn with_client_within<T>(
        &self,
        within: Duration,
        work: impl AsyncFnOnce(&mut Client) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Error> {
        let deadline = Instant::now() + within;
        let mut client = self
            .measured
            .timed(tokio::time::timeout_at(deadline, self.pool.get()))
            .await
            .map_err(|_| Error::OutOfTime)??;
        let Ok(result) = tokio::time::timeout_at(deadline, work(&mut client)).await else {
            // An answer may still come: the next borrower must not wait behind it.
            drop(Object::take(client));
            return Err(Error::OutOfTime);
        };
        Ok(result?)
    }
}

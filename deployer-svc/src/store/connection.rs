//! The pool of connections, with a limit on everything that could wait for ever.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use backon::{ExponentialBuilder, Retryable as _};
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use rustls::{ClientConfig, RootCertStore};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls, Socket, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use tracing::{Span, info_span};

use super::{DEADLINE, Error};
use crate::metrics;

/// For a connection from the pool, or a new one.
const CONNECTION_TIME: Duration = Duration::from_secs(2);
/// A server that does not acknowledge what was sent for so long is gone.
const SILENCE: Duration = Duration::from_secs(10);
/// Set on every connection, whatever the role's own settings are.
/// The keep-alives are the server's: it gives the locks of a machine that is gone free within a minute.
pub(super) const SESSION: &str = "set statement_timeout = '5s'; set lock_timeout = '1s'; \
    set idle_in_transaction_session_timeout = '10s'; set tcp_keepalives_idle = 20; \
    set tcp_keepalives_interval = 10; set tcp_keepalives_count = 3";

/// Where the database is.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
#[group(id = "database")]
pub struct Settings {
    /// Postgres, as `postgres://user:password@host:port/database`. `sslmode=require` makes TLS and verifies the
    /// server by the system's roots (or `SSL_CERT_FILE`).
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: SecretString,
    /// Connections to Postgres that this process holds at most.
    #[arg(long, env = "DATABASE_POOL_SIZE", default_value_t = 16)]
    database_pool_size: usize,
}

impl Settings {
    /// Connections that this process's pool holds at most.
    #[must_use]
    pub fn pool_size(&self) -> usize {
        self.database_pool_size.max(1)
    }
}

/// The line store. A clone shares the connections.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    waits: telemetry::pool::Pool,
    link: Link,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("pool", &self.pool.status()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens the pool and makes sure that the database answers.
    pub async fn connect(settings: &Settings) -> Result<Self, Error> {
        let link = Link::new(settings)?;
        let config = ManagerConfig { recycling_method: RecyclingMethod::Verified };
        let manager = match &link.tls {
            Some(tls) => Manager::from_config(link.config.clone(), tls.clone(), config),
            None => Manager::from_config(link.config.clone(), NoTls, config),
        };
        let pool = Pool::builder(manager)
            .max_size(settings.database_pool_size.max(1))
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(CONNECTION_TIME))
            .create_timeout(Some(CONNECTION_TIME))
            .recycle_timeout(Some(CONNECTION_TIME))
            .post_create(Hook::async_fn(|client, _| {
                Box::pin(
                    async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) },
                )
            }))
            .build()
            .map_err(Error::permanent)?;
        let watched = pool.clone();
        let waits = telemetry::pool::Pool::new(&metrics::meter(), move || {
            let status = watched.status();
            telemetry::pool::Status {
                max: status.max_size,
                open: status.size,
                idle: status.available,
            }
        });
        let store = Self { pool, waits, link };
        store.ping().await?;
        Ok(store)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        within(async {
            self.client().await?.simple_query("select 1").await?;
            Ok(())
        })
        .await
    }

    /// A connection; one that was given up in the middle of a statement is found out and replaced when it is asked
    /// for again.
    pub(super) async fn client(&self) -> Result<deadpool_postgres::Object, Error> {
        Ok(self.waits.timed(self.pool.get()).await?)
    }

    /// How to open a connection beside the pool.
    pub(super) fn link(&self) -> &Link {
        &self.link
    }
}

/// Bounds a call as a whole.
pub(super) async fn within<T>(call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(DEADLINE, call).await.unwrap_or_else(|_| Err(Error::deadline()))
}

/// Tries again when another writer was faster: after a load, the decision is another one.
pub(super) async fn racing<T, F>(attempt: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let again = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(5))
        .with_jitter()
        .with_max_times(5);
    attempt.retry(again).when(|error| matches!(error, Error::Conflict(_))).await
}

/// The span of a transaction, tries again included.
pub(super) fn transaction(operation: &'static str) -> Span {
    info_span!(
        "db.transaction",
        otel.name = operation,
        otel.kind = "client",
        db.system.name = "postgresql",
        db.operation.name = operation,
    )
}

/// How to open one connection.
#[derive(Clone)]
pub(crate) struct Link {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

impl Link {
    pub(crate) fn new(settings: &Settings) -> Result<Self, Error> {
        // The error's own text may repeat parts of the URL, so it is not passed on.
        let mut config: Config =
            settings.database_url.expose_secret().parse().map_err(|_| {
                Error::permanent("DATABASE_URL is not the URL of a Postgres database")
            })?;
        config
            .connect_timeout(CONNECTION_TIME)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE)
            .keepalives_interval(SILENCE)
            .keepalives_retries(3)
            .application_name("deployer-svc");
        let tls = (config.get_ssl_mode() == SslMode::Require).then(tls).transpose()?;
        Ok(Self { config, tls })
    }
}

/// What the server sends beside answers; it must be polled for the connection to work.
pub(crate) type Driver = BoxStream<'static, Result<AsyncMessage, tokio_postgres::Error>>;

impl Link {
    /// Opens a connection that belongs to nobody else.
    pub(crate) async fn open(&self) -> Result<(Client, Driver), Error> {
        if let Some(tls) = &self.tls {
            let (client, connection) = self.config.connect(tls.clone()).await?;
            Ok((client, driver(connection)))
        } else {
            let (client, connection) = self.config.connect(NoTls).await?;
            Ok((client, driver(connection)))
        }
    }
}

fn driver<T>(mut connection: Connection<Socket, T>) -> Driver
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    stream::poll_fn(move |context| connection.poll_message(context)).boxed()
}

/// Drives a connection on which nothing is listened for.
pub(crate) fn drive(mut driver: Driver) {
    tokio::spawn(async move { while let Some(Ok(_)) = driver.next().await {} });
}

fn tls() -> Result<MakeRustlsConnect, Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(Error::permanent)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

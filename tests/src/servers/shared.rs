//! The servers that all tests of a run share: each test has its own database and stream prefix on them.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::sync::OnceCell;

use super::{Durability, Nats, Postgres, Scratch};
use crate::process::{Process, Signal};

const DATABASE_URL: &str = "TEST_DATABASE_URL";
const NATS_URL: &str = "TEST_NATS_URL";
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// A running pair of servers; killed when dropped.
pub struct TestServers {
    postgres: (Postgres, Process),
    nats: (Nats, Process),
    addresses: Addresses,
    scratch: Scratch,
}

/// Where to find them: Postgres's URL names the database `postgres`, from which a test makes its own.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// A superuser's URL.
    pub database_url: String,
    /// The broker's.
    pub nats_url: String,
}

impl TestServers {
    /// Starts both, fast rather than durable.
    pub async fn start() -> Result<Self> {
        Self::start_with(Durability::None).await
    }

    /// Starts both.
    pub async fn start_with(durability: Durability) -> Result<Self> {
        let scratch = Scratch::new()?;
        let nats = Nats::prepare(&scratch).await?;
        let nats_process = nats.spec().start().await?;
        let postgres = Postgres::prepare(&scratch, durability).await?;
        let postgres_process = postgres.spec().start().await?;
        postgres.ready().await?;
        nats.ready().await?;
        let addresses = Addresses { database_url: postgres.url("postgres"), nats_url: nats.url() };
        let (postgres, nats) = ((postgres, postgres_process), (nats, nats_process));
        Ok(Self { postgres, nats, addresses, scratch })
    }

    /// Where they are.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Where the broker tells how it is configured.
    #[must_use]
    pub fn monitor_url(&self) -> String {
        self.nats.0.monitor_url()
    }

    /// The same as environment variables for the tests.
    #[must_use]
    pub fn env(&self) -> [(&'static str, String); 2] {
        let Addresses { database_url, nats_url } = self.addresses.clone();
        [(DATABASE_URL, database_url), (NATS_URL, nats_url)]
    }

    /// Stops both in order.
    pub async fn stop(mut self) -> Result<()> {
        self.postgres.1.stop(STOP_PATIENCE).await?;
        self.nats.1.stop(STOP_PATIENCE).await?;
        Ok(())
    }

    /// Kills the broker.
    pub async fn kill_broker(&mut self) -> Result<()> {
        self.nats.1.kill().await
    }

    /// Starts the broker again, on what it has stored.
    pub async fn start_broker(&mut self) -> Result<()> {
        self.nats.1 = self.nats.0.spec().start().await?;
        self.nats.0.ready().await
    }

    /// Shuts Postgres down at once: without a checkpoint, so that it has to recover.
    pub async fn crash_database(&mut self) -> Result<()> {
        self.postgres.1.signal(Signal::SIGQUIT)?;
        self.postgres.1.wait().await.map(drop)
    }

    /// Loses Postgres with all its data; another one is at its address.
    pub async fn lose_database(&mut self) -> Result<()> {
        self.crash_database().await?;
        self.postgres.0.lose(&self.scratch).await?;
        self.start_database().await
    }

    /// Starts Postgres again, on what it has stored.
    pub async fn start_database(&mut self) -> Result<()> {
        self.postgres.1 = self.postgres.0.spec().start().await?;
        self.postgres.0.ready().await
    }
}

impl Addresses {
    /// The URL of another database on the same server.
    #[must_use]
    pub fn database(&self, name: &str) -> String {
        let server = self.database_url.rsplit_once('/').map_or("", |(server, _)| server);
        format!("{server}/{name}")
    }

    /// The servers of this run: those that `./dev test` started, else a pair of this process's own, which the kernel
    /// ends with it.
    pub async fn of_this_run() -> Result<Self> {
        static OWN: OnceCell<TestServers> = OnceCell::const_new();
        if let (Ok(database_url), Ok(nats_url)) =
            (std::env::var(DATABASE_URL), std::env::var(NATS_URL))
        {
            return Ok(Self { database_url, nats_url });
        }
        let servers = OWN.get_or_try_init(TestServers::start).await;
        Ok(servers.context("start servers for this test")?.addresses.clone())
    }
}

//! The database's schema: brought up to date by `migrate`, and checked by everything else.

use std::{collections::BTreeSet, time::Duration};

use refinery::Runner;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::Client;

use crate::store::{self, Link, Settings, Store, drive};

mod embedded {
    refinery::embed_migrations!("../migrations");
}

/// The oldest schema on which every deploy works. It is raised a release after the migration that is relied on: the
/// version before it and this one run side by side while they are exchanged.
const OLDEST: i32 = 7;
/// Names the session lock of the one who migrates: the runner itself takes none.
const LOCK: i64 = 0x7061_6173_6d69_6772;
/// For another process that is migrating.
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(200);
/// All that is missing.
const MIGRATION_TIME: Duration = Duration::from_mins(10);
/// A migration that waits long for a lock holds everybody up behind it: it rather fails and is run again.
const SESSION: &str = "set statement_timeout = '5min'; set lock_timeout = '5s'";

/// Why the schema is not the one that this program knows.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody has to migrate first.
    #[error(
        "the database is older than this program: run `deployer-svc migrate` (missing: V{})",
        list(.0)
    )]
    Older(BTreeSet<i32>),
    /// Somebody has to bring this program up to date.
    #[error(
        "the database was migrated by a newer version, and this one does not know V{}: start that version",
        list(.0)
    )]
    Newer(BTreeSet<i32>),
    /// Another process does not come to an end with it.
    #[error("another process has been migrating this database for {} s", PATIENCE.as_secs())]
    Busy,
    /// The database does not come to an end with it.
    #[error("the migrations did not end within {} s", MIGRATION_TIME.as_secs())]
    TooLong,
    /// A migration failed; those before it stay applied.
    #[error("the migration failed: {0}")]
    Failed(#[source] Box<refinery::Error>),
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Store(error.into())
    }
}

fn list(versions: &BTreeSet<i32>) -> String {
    versions.iter().map(i32::to_string).collect::<Vec<_>>().join(", V")
}

/// Applies the migrations that are missing, one process at a time.
pub async fn migrate(settings: &Settings) -> Result<(), Error> {
    timeout(MIGRATION_TIME, apply(settings)).await.unwrap_or(Err(Error::TooLong))
}

async fn apply(settings: &Settings) -> Result<(), Error> {
    let (mut client, driver) = Link::new(settings)?.open().await?;
    drive(driver);
    client.batch_execute(SESSION).await?;
    lock(&client).await?;
    let applied =
        known().run_async(&mut client).await.map_err(|error| Error::Failed(Box::new(error)))?;
    for migration in applied.applied_migrations() {
        tracing::info!(migration = %migration, "applied");
    }
    tracing::info!(applied = applied.applied_migrations().len(), "the schema is up to date");
    Ok(())
}

/// Asks again and again instead of waiting in the database: a waiter would hold an index built concurrently up.
/// The lock goes with the connection.
async fn lock(client: &Client) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let locked = client.query_one("select pg_try_advisory_lock($1)", &[&LOCK]).await?;
        if locked.try_get::<_, bool>(0)? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Error::Busy);
        }
        sleep(POLL).await;
    }
}

/// Whether this program may run on the schema as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fit {
    /// It is the one that this program brings.
    Exact,
    /// It lacks what only some commands need: `migrate` brings it.
    Behind(BTreeSet<i32>),
    /// A newer program has migrated it, and left what this one uses: a rolling upgrade.
    Ahead(BTreeSet<i32>),
}

/// Refuses a schema on which this program cannot do its work.
pub async fn check(store: &Store) -> Result<Fit, Error> {
    let applied = store.migrations().await?.unwrap_or_default().into_iter().collect();
    let known = known().get_migrations().iter().map(refinery::Migration::version).collect();
    let fit = compare(&known, &applied, store.schema_floor().await?)?;
    match &fit {
        Fit::Exact => {}
        Fit::Behind(missing) => tracing::warn!(
            missing = list(missing),
            "the database is older than this program, which works all the same: run `deployer-svc migrate`"
        ),
        Fit::Ahead(newer) => tracing::info!(
            unknown = list(newer),
            "the database was migrated by a newer version, with which this one gets along"
        ),
    }
    Ok(fit)
}

fn compare(
    known: &BTreeSet<i32>,
    applied: &BTreeSet<i32>,
    floor: Option<i32>,
) -> Result<Fit, Error> {
    let newer: BTreeSet<i32> = applied.difference(known).copied().collect();
    if !newer.is_empty() {
        let latest = known.last().copied().unwrap_or_default();
        let goes_along = floor.is_some_and(|floor| floor <= latest);
        return if goes_along { Ok(Fit::Ahead(newer)) } else { Err(Error::Newer(newer)) };
    }
    let missing: BTreeSet<i32> = known.difference(applied).copied().collect();
    match missing.first() {
        None => Ok(Fit::Exact),
        Some(first) if *first <= OLDEST => Err(Error::Older(missing)),
        Some(_) => Ok(Fit::Behind(missing)),
    }
}

fn known() -> Runner {
    embedded::migrations::runner()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn up_to(version: i32) -> BTreeSet<i32> {
        (1..=version).collect()
    }

    #[test]
    fn the_schema_of_this_version_fits() {
        assert_eq!(compare(&up_to(9), &up_to(9), Some(7)).unwrap(), Fit::Exact);
    }

    #[test]
    fn an_empty_database_is_to_be_migrated() {
        let refused = compare(&up_to(9), &BTreeSet::new(), None).unwrap_err().to_string();
        assert!(refused.contains("run `deployer-svc migrate` (missing: V1, V2"), "{refused}");
    }

    #[test]
    fn the_version_before_is_worked_on_until_it_is_migrated() {
        let behind = compare(&up_to(OLDEST + 1), &up_to(OLDEST), None).unwrap();
        assert_eq!(behind, Fit::Behind([OLDEST + 1].into()));
        assert!(compare(&up_to(OLDEST), &up_to(OLDEST - 1), None).is_err());
    }

    #[test]
    fn a_newer_schema_is_worked_on_while_it_keeps_what_this_version_uses() {
        let (known, newer) = (up_to(8), up_to(9));
        assert_eq!(compare(&known, &newer, Some(8)).unwrap(), Fit::Ahead([9].into()));
        for floor in [Some(9), None] {
            let refused = compare(&known, &newer, floor).unwrap_err().to_string();
            assert!(refused.contains("does not know V9"), "{refused}");
        }
    }
}

//! The database as one tenant sees it: the transaction says whose it is, and row-level security shows it nothing else.
//! The tenant stands in every query all the same: two walls.

use deadpool_postgres::Transaction;
use uuid::Uuid;

use super::{Error, SAY_WHOSE, Store};

/// What the management API asks.
#[derive(Clone)]
pub(crate) struct Tenancy<'a> {
    pub(super) store: &'a Store,
    pub(super) tenant: Uuid,
}

impl Store {
    /// The same, as this tenant sees it.
    pub(crate) fn of(&self, tenant: Uuid) -> Tenancy<'_> {
        Tenancy { store: self, tenant }
    }
}

impl Tenancy<'_> {
    /// One transaction of the tenant's.
    pub(super) async fn transaction<T>(
        &self,
        work: impl AsyncFnOnce(&Transaction<'_>) -> Result<T, tokio_postgres::Error>,
    ) -> Result<T, Error> {
        self.store
            .with_client(async |client| {
                let transaction = client.transaction().await?;
                let whose = transaction.prepare_cached(SAY_WHOSE).await?;
                transaction.query_one(&whose, &[&self.tenant.to_string()]).await?;
                let done = work(&transaction).await?;
                transaction.commit().await?;
                Ok(done)
            })
            .await
    }
}

//! Apps of the one tenant there is so far.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Store};

/// The tenant that the first migration makes.
const DEFAULT_TENANT: Uuid = Uuid::from_u128(1);

/// An app.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
}

impl Store {
    /// Makes an app; `None` when the name is taken.
    pub(crate) async fn create_app(&self, id: Uuid, name: &str) -> Result<Option<App>, Error> {
        self.with_client(async |client| {
            let statement = client
                .prepare_cached(
                    "insert into apps (app_id, tenant_id, name) values ($1, $2, $3)
                     on conflict (name) do nothing returning app_id, name, created_at",
                )
                .await?;
            let row = client.query_opt(&statement, &[&id, &DEFAULT_TENANT, &name]).await?;
            row.as_ref().map(app).transpose()
        })
        .await
    }

    /// One app.
    pub(crate) async fn app(&self, id: Uuid) -> Result<Option<App>, Error> {
        self.with_client(async |client| {
            let statement = client
                .prepare_cached("select app_id, name, created_at from apps where app_id = $1")
                .await?;
            let row = client.query_opt(&statement, &[&id]).await?;
            row.as_ref().map(app).transpose()
        })
        .await
    }

    /// All apps, by name.
    pub(crate) async fn apps(&self) -> Result<Vec<App>, Error> {
        self.with_client(async |client| {
            let statement = client
                .prepare_cached("select app_id, name, created_at from apps order by name")
                .await?;
            client.query(&statement, &[]).await?.iter().map(app).collect()
        })
        .await
    }
}

fn app(row: &Row) -> Result<App, tokio_postgres::Error> {
    Ok(App {
        id: row.try_get("app_id")?,
        name: row.try_get("name")?,
        created_at: row.try_get("created_at")?,
    })
}

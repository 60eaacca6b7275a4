//! Apps of a tenant.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Tenancy};

/// An app.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
}

impl Tenancy<'_> {
    /// Makes an app; `None` when the name is taken.
    pub(crate) async fn create_app(&self, id: Uuid, name: &str) -> Result<Option<App>, Error> {
        self.transaction(async |client| {
            let statement = client
                .prepare_cached(
                    "insert into apps (app_id, tenant_id, name) values ($1, $2, $3)
                     on conflict (name) do nothing returning app_id, name, created_at",
                )
                .await?;
            let row = client.query_opt(&statement, &[&id, &self.tenant, &name]).await?;
            row.as_ref().map(app).transpose()
        })
        .await
    }

    /// One app.
    pub(crate) async fn app(&self, id: Uuid) -> Result<Option<App>, Error> {
        self.transaction(async |client| {
            let one =
                "select app_id, name, created_at from apps where tenant_id = $1 and app_id = $2";
            let statement = client.prepare_cached(one).await?;
            let row = client.query_opt(&statement, &[&self.tenant, &id]).await?;
            row.as_ref().map(app).transpose()
        })
        .await
    }

    /// All apps, by name.
    pub(crate) async fn apps(&self) -> Result<Vec<App>, Error> {
        self.transaction(async |client| {
            let all =
                "select app_id, name, created_at from apps where tenant_id = $1 order by name";
            let statement = client.prepare_cached(all).await?;
            client.query(&statement, &[&self.tenant]).await?.iter().map(app).collect()
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

//! Tenants: the operator makes them.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Store};

/// A tenant.
#[derive(Debug, Clone)]
pub(crate) struct Tenant {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
}

impl Store {
    /// Makes a tenant, or finds it made under this id already; `None` when another has the name.
    pub(crate) async fn create_tenant(
        &self,
        id: Uuid,
        name: &str,
    ) -> Result<Option<Tenant>, Error> {
        self.with_client(async |client| {
            let create = "insert into tenants (tenant_id, name) values ($1, $2) on conflict do nothing";
            let statement = client.prepare_cached(create).await?;
            client.execute(&statement, &[&id, &name]).await?;
            let made =
                "select tenant_id, name, created_at from tenants where tenant_id = $1 and name = $2";
            let statement = client.prepare_cached(made).await?;
            let row = client.query_opt(&statement, &[&id, &name]).await?;
            row.as_ref().map(tenant).transpose()
        })
        .await
    }

    /// One tenant.
    pub(crate) async fn tenant(&self, id: Uuid) -> Result<Option<Tenant>, Error> {
        self.with_client(async |client| {
            let one = "select tenant_id, name, created_at from tenants where tenant_id = $1";
            let statement = client.prepare_cached(one).await?;
            let row = client.query_opt(&statement, &[&id]).await?;
            row.as_ref().map(tenant).transpose()
        })
        .await
    }

    /// The tenant of this name.
    pub(crate) async fn tenant_named(&self, name: &str) -> Result<Option<Tenant>, Error> {
        self.with_client(async |client| {
            let one = "select tenant_id, name, created_at from tenants where name = $1";
            let statement = client.prepare_cached(one).await?;
            let row = client.query_opt(&statement, &[&name]).await?;
            row.as_ref().map(tenant).transpose()
        })
        .await
    }

    /// So many tenants by name, after the given one.
    pub(crate) async fn tenants(&self, after: &str, limit: i64) -> Result<Vec<Tenant>, Error> {
        self.with_client(async |client| {
            let page = "select tenant_id, name, created_at from tenants
                        where name collate \"C\" > $1 order by name collate \"C\" limit $2";
            let statement = client.prepare_cached(page).await?;
            client.query(&statement, &[&after, &limit]).await?.iter().map(tenant).collect()
        })
        .await
    }
}

fn tenant(row: &Row) -> Result<Tenant, tokio_postgres::Error> {
    Ok(Tenant {
        id: row.try_get("tenant_id")?,
        name: row.try_get("name")?,
        created_at: row.try_get("created_at")?,
    })
}

//! Apps of a tenant. One that was deleted keeps its row for its history, and is not seen here.

use std::collections::HashSet;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Tenancy};

/// By way of JSON, because the schema of the version before has no such column.
const IS_THERE: &str = "to_jsonb(apps) ->> 'deleted_at' is null";

const IS_LEFT: &str = "
    select from apps a
    where a.tenant_id = $1 and a.app_id = $2
      and (a.deleted_at is null or a.removed_at is null
           or exists (select from app_git_sources s where s.app_id = a.app_id)
           or exists (select from app_hooks h where h.app_id = a.app_id))";

/// An app.
#[derive(Debug, Clone)]
pub(crate) struct App {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
}

impl Tenancy<'_> {
    /// Makes an app, or finds it made under this id already; `None` when the name is taken.
    pub(crate) async fn create_app(&self, id: Uuid, name: &str) -> Result<Option<App>, Error> {
        self.transaction(async |client| {
            let create = "insert into apps (app_id, tenant_id, name) values ($1, $2, $3)
                          on conflict do nothing";
            let statement = client.prepare_cached(create).await?;
            client.execute(&statement, &[&id, &self.tenant, &name]).await?;
            let made = "select app_id, name, created_at from apps
                        where tenant_id = $1 and app_id = $2 and name = $3";
            let statement = client.prepare_cached(made).await?;
            let row = client.query_opt(&statement, &[&self.tenant, &id, &name]).await?;
            row.as_ref().map(app).transpose()
        })
        .await
    }

    /// One app.
    pub(crate) async fn app(&self, id: Uuid) -> Result<Option<App>, Error> {
        self.transaction(async |client| {
            let one = format!(
                "select app_id, name, created_at from apps
                 where tenant_id = $1 and app_id = $2 and {IS_THERE}"
            );
            let statement = client.prepare_cached(&one).await?;
            let row = client.query_opt(&statement, &[&self.tenant, &id]).await?;
            row.as_ref().map(app).transpose()
        })
        .await
    }

    /// Whether there is an app, or something is left of one that was deleted.
    pub(crate) async fn is_app_left(&self, id: Uuid) -> Result<bool, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(IS_LEFT).await?;
            Ok(client.query_opt(&statement, &[&self.tenant, &id]).await?.is_some())
        })
        .await
    }

    /// So many apps by name, after the given one.
    pub(crate) async fn apps(&self, after: &str, limit: i64) -> Result<Vec<App>, Error> {
        self.transaction(async |client| {
            let page = format!(
                "select app_id, name, created_at from apps
                 where tenant_id = $1 and name collate \"C\" > $2 and {IS_THERE}
                 order by name collate \"C\" limit $3"
            );
            let statement = client.prepare_cached(&page).await?;
            let rows = client.query(&statement, &[&self.tenant, &after, &limit]).await?;
            rows.iter().map(app).collect()
        })
        .await
    }

    /// Which of these are apps of the tenant's.
    pub(crate) async fn own_apps(&self, ids: &[Uuid]) -> Result<HashSet<Uuid>, Error> {
        self.transaction(async |client| {
            let own = "select app_id from apps where tenant_id = $1 and app_id = any($2)";
            let statement = client.prepare_cached(own).await?;
            let rows = client.query(&statement, &[&self.tenant, &ids]).await?;
            rows.iter().map(|row| row.try_get("app_id")).collect()
        })
        .await
    }

    /// The app of a deploy, if it is the tenant's.
    pub(crate) async fn app_of_deploy(&self, deploy: Uuid) -> Result<Option<Uuid>, Error> {
        self.transaction(async |client| {
            let of = "select d.app_id from deploys d join apps a using (app_id)
                      where a.tenant_id = $1 and d.deploy_id = $2";
            let statement = client.prepare_cached(of).await?;
            let row = client.query_opt(&statement, &[&self.tenant, &deploy]).await?;
            row.map(|row| row.try_get("app_id")).transpose()
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

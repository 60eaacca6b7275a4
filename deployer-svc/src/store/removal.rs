//! Apps that are deleted: marked in one transaction, for which nothing may be underway. What they had on the cluster is
//! deleted after it, again and again until that is noted.

use uuid::Uuid;

use super::{
    App, Error, Store,
    connection::{racing, within},
    lease::read_app,
    log::{lock_row, read_state},
    sql::{execute, row, rows},
};

/// Why an app was not deleted.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// It would be built or rolled out for nobody.
    #[error("a deploy of this app is underway: wait for its end, or cancel it")]
    Underway,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Store {
    /// Deletes an app; as the cluster knows it. One that is deleted already is answered in the same way.
    pub async fn delete_app(&self, app: Uuid) -> Result<App, RemovalError> {
        racing(|| within(self.try_delete(app))).await?.ok_or(RemovalError::Underway)
    }

    async fn try_delete(&self, id: Uuid) -> Result<Option<App>, Error> {
        const APP: &str = "select app_id, coalesce(deleted_name, name) as name, tenant_id, \
             deleted_at is not null as is_deleted from apps where app_id = $1";
        const DELETE: &str =
            "update apps set deleted_at = now(), deleted_name = name, name = $2 where app_id = $1";
        const FORGET: &str = "update lines set next_step_at = null where app_id = $1";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let line = lock_row(&tx, id).await?;
        let line = read_state(&tx, id, line.try_get("state")?).await?;
        let found = row(&tx, APP, &[&id]).await?.ok_or(Error::UnknownApp(id))?;
        let app = read_app(&found)?;
        if found.try_get("is_deleted")? {
            return Ok(Some(app));
        }
        if !line.is_idle() {
            return Ok(None);
        }
        let name = format!("deleted-{}", id.simple());
        execute(&tx, DELETE, &[&id, &name]).await?;
        execute(&tx, FORGET, &[&id]).await?;
        tx.commit().await?;
        Ok(Some(app))
    }

    /// Notes that the cluster has nothing of a deleted app any more.
    pub async fn app_removed(&self, app: Uuid) -> Result<(), Error> {
        const REMOVED: &str =
            "update apps set removed_at = now() where app_id = $1 and removed_at is null";
        within(async {
            let client = self.client().await?;
            execute(&client, REMOVED, &[&app]).await?;
            Ok(())
        })
        .await
    }

    /// Deleted apps of which the cluster may still have something, at most so many.
    pub async fn apps_to_remove(&self, limit: u32) -> Result<Vec<App>, Error> {
        const TO_REMOVE: &str = "select app_id, deleted_name as name, tenant_id from apps \
             where deleted_at is not null and removed_at is null order by deleted_at limit $1";
        within(async {
            let client = self.client().await?;
            rows(&client, TO_REMOVE, &[&i64::from(limit)]).await?.iter().map(read_app).collect()
        })
        .await
    }
}

//! Compares a line's state on record with what its log folds to.

use deploy_domain::{fold, plan};
use uuid::Uuid;

use super::{
    Error, Store,
    connection::{racing, within},
    log::{events, lock_row, write_state},
    sql::{bigint, execute, rows},
};

/// What a comparison showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recheck {
    /// Byte for byte the same.
    Equal,
    /// Something else is on record.
    Different,
    /// Something else was on record; now it is what the log folds to.
    Repaired,
}

impl Store {
    /// Every app that has a line or should have one.
    pub async fn apps_with_lines(&self) -> Result<Vec<Uuid>, Error> {
        const APPS: &str =
            "select app_id from lines union select app_id from line_events order by app_id";
        within(async {
            let client = self.client().await?;
            rows(&client, APPS, &[]).await?.iter().map(|row| Ok(row.try_get(0)?)).collect()
        })
        .await
    }

    /// Folds an app's log again, with nobody appending, and compares; `repair` puts a different state right.
    pub async fn recheck(&self, app: Uuid, repair: bool) -> Result<Recheck, Error> {
        racing(|| within(self.try_recheck(app, repair))).await
    }

    async fn try_recheck(&self, app: Uuid, repair: bool) -> Result<Recheck, Error> {
        const REPAIR: &str = "update lines set version = $2, state = $3, \
             next_step_at = case when $4 then now() end where app_id = $1";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let row = lock_row(&tx, app).await?;
        let events = events(&tx, app).await?;
        let line = fold(&events);
        let (version, state) = (bigint(events.len() as u64)?, write_state(&line)?);
        if row.try_get::<_, i64>("version")? == version && row.try_get::<_, &str>("state")? == state
        {
            return Ok(Recheck::Equal);
        }
        if !repair {
            return Ok(Recheck::Different);
        }
        execute(&tx, REPAIR, &[&app, &version, &state, &!plan(&line).is_empty()]).await?;
        tx.commit().await?;
        Ok(Recheck::Repaired)
    }
}

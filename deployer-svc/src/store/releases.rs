//! What was live, for people: numbered, newest first.

use deploy_domain::{DeployId, Line};
use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Error, Store,
    connection::within,
    log::read_state,
    sql::{bigint, row, rows},
};

/// A release as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseSummary {
    /// Counts from 1.
    pub number: u64,
    /// The deploy that brought it.
    pub deploy: Uuid,
    /// The commit.
    pub sha: String,
    /// By digest.
    pub image: String,
    /// When it went live.
    pub released_at: Timestamp,
    /// The tag of what asked for it.
    pub source: String,
    /// Who did, if a person did.
    pub requested_by: Option<String>,
    /// Whether it is live now.
    pub is_live: bool,
    /// Whether it is one of those that a rollback may name.
    pub is_available: bool,
}

impl Store {
    /// An app's releases below a number, newest first, at most so many.
    pub async fn releases(
        &self,
        app: Uuid,
        below: Option<i64>,
        limit: u32,
    ) -> Result<Vec<ReleaseSummary>, Error> {
        const STATE: &str = "select state from lines where app_id = $1";
        const PAGE: &str = "select number, releases.deploy_id, releases.sha, releases.image, releases.created_at, \
                 source, (select data::jsonb ->> 'by' from line_events \
                     where line_events.deploy_id = releases.deploy_id \
                         and type in ('redeploy_requested', 'rollback_requested') limit 1) as requested_by \
             from releases join deploys using (deploy_id) \
             where releases.app_id = $1 and ($2::bigint is null or number < $2) \
             order by number desc limit $3";
        within(async {
            let client = self.client().await?;
            let Some(state) = row(&client, STATE, &[&app]).await? else { return Ok(Vec::new()) };
            let line = read_state(&client, app, state.try_get("state")?).await?;
            let page = rows(&client, PAGE, &[&app, &below, &i64::from(limit)]).await?;
            page.iter().map(|row| read_release(row, &line)).collect()
        })
        .await
    }

    /// The deploy that brought a release.
    pub async fn released_by(&self, app: Uuid, number: u64) -> Result<Option<DeployId>, Error> {
        const BY: &str = "select deploy_id from releases where app_id = $1 and number = $2";
        let Ok(number) = bigint(number) else { return Ok(None) };
        within(async {
            let client = self.client().await?;
            let found = row(&client, BY, &[&app, &number]).await?;
            Ok(found.map(|row| row.try_get("deploy_id")).transpose()?.map(DeployId))
        })
        .await
    }
}

fn read_release(row: &Row, line: &Line) -> Result<ReleaseSummary, Error> {
    let number: i64 = row.try_get("number")?;
    let number = u64::try_from(number).map_err(Error::permanent)?;
    Ok(ReleaseSummary {
        number,
        deploy: row.try_get("deploy_id")?,
        sha: row.try_get("sha")?,
        image: row.try_get("image")?,
        released_at: row.try_get("created_at")?,
        source: row.try_get("source")?,
        requested_by: row.try_get("requested_by")?,
        is_live: line.live().is_some_and(|live| live.number == number),
        is_available: line.releases.iter().any(|release| release.number == number),
    })
}

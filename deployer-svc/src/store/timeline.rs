//! What an app's timeline is read from: the recorded events and the kept chunks of build logs, each in the order in
//! which it came to be, page by page.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Error, Store,
    connection::within,
    sql::{row, rows},
};

/// For so long, an event waits for what the build before it said.
const EARLY_SECONDS: f64 = 3.0;

/// Whose timeline: an app's, or that of one of its deploys.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scope {
    pub(crate) app: Uuid,
    pub(crate) deploy: Option<Uuid>,
}

/// An event.
#[derive(Debug, Clone)]
pub(crate) struct ToldEvent {
    pub(crate) version: i64,
    pub(crate) deploy: Option<Uuid>,
    pub(crate) name: String,
    /// JSON.
    pub(crate) data: String,
    pub(crate) at: Timestamp,
    /// Whether lines of the build before it are still to come.
    pub(crate) is_early: bool,
}

/// Some lines of a build.
#[derive(Debug, Clone)]
pub(crate) struct StoredChunk {
    pub(crate) deploy: Uuid,
    pub(crate) position: i64,
    pub(crate) lines: u32,
    pub(crate) data: Vec<u8>,
}

/// How far a deploy and its build's log are.
#[derive(Debug, Clone)]
pub(crate) struct DeployStanding {
    pub(crate) state: String,
    /// How long it has been in that state.
    pub(crate) since: Duration,
    /// Whether lines of its build are still to come.
    pub(crate) log_is_open: bool,
}

impl Store {
    /// The events behind a version, oldest first.
    pub(crate) async fn events_behind(
        &self,
        scope: Scope,
        version: i64,
        limit: u32,
    ) -> Result<Vec<ToldEvent>, Error> {
        let of_deploy = if scope.deploy.is_some() { "deploy_id = $2" } else { "$2::uuid is null" };
        let sql = format!("{EVENTS} and {of_deploy} and version > $4 order by version limit $5");
        self.told_events(&sql, scope, version, limit).await
    }

    /// The latest events, oldest first.
    pub(crate) async fn latest_events(
        &self,
        scope: Scope,
        limit: u32,
    ) -> Result<Vec<ToldEvent>, Error> {
        let of_deploy = if scope.deploy.is_some() { "deploy_id = $2" } else { "$2::uuid is null" };
        let sql =
            format!("{EVENTS} and {of_deploy} and version > $4 order by version desc limit $5");
        let mut events = self.told_events(&sql, scope, 0, limit).await?;
        events.reverse();
        Ok(events)
    }

    async fn told_events(
        &self,
        sql: &str,
        Scope { app, deploy }: Scope,
        version: i64,
        limit: u32,
    ) -> Result<Vec<ToldEvent>, Error> {
        within(async {
            let client = self.client().await?;
            let limit = i64::from(limit);
            let found =
                rows(&client, sql, &[&app, &deploy, &EARLY_SECONDS, &version, &limit]).await?;
            found.iter().map(read_event).collect()
        })
        .await
    }

    /// The chunks from a position on, oldest first.
    pub(crate) async fn chunks_from(
        &self,
        scope: Scope,
        position: i64,
        limit: u32,
    ) -> Result<Vec<StoredChunk>, Error> {
        let of = of_scope(scope);
        let sql = format!("{CHUNKS} where {of} and position >= $2 order by position limit $3");
        self.stored_chunks(&sql, scope, position, limit).await
    }

    /// The latest chunks before a position, newest first.
    pub(crate) async fn chunks_before(
        &self,
        scope: Scope,
        position: i64,
        limit: u32,
    ) -> Result<Vec<StoredChunk>, Error> {
        let of = of_scope(scope);
        let sql = format!("{CHUNKS} where {of} and position < $2 order by position desc limit $3");
        self.stored_chunks(&sql, scope, position, limit).await
    }

    async fn stored_chunks(
        &self,
        sql: &str,
        scope: Scope,
        position: i64,
        limit: u32,
    ) -> Result<Vec<StoredChunk>, Error> {
        let id = scope.deploy.unwrap_or(scope.app);
        within(async {
            let client = self.client().await?;
            let found = rows(&client, sql, &[&id, &position, &i64::from(limit)]).await?;
            found.iter().map(read_chunk).collect()
        })
        .await
    }

    /// How far a deploy is.
    pub(crate) async fn standing(&self, deploy: Uuid) -> Result<Option<DeployStanding>, Error> {
        const STANDING: &str = "select state, extract(epoch from now() - updated_at)::float8 as since, \
                 exists (select from line_events begun \
                     where begun.deploy_id = deploys.deploy_id and type = 'build_started') \
                 and not exists (select from build_logs \
                     where build_logs.deploy_id = deploys.deploy_id and state <> 'following') \
                 as log_is_open \
             from deploys where deploy_id = $1";
        within(async {
            let client = self.client().await?;
            let Some(found) = row(&client, STANDING, &[&deploy]).await? else { return Ok(None) };
            Ok(Some(DeployStanding {
                state: found.try_get("state")?,
                since: Duration::try_from_secs_f64(found.try_get("since")?).unwrap_or_default(),
                log_is_open: found.try_get("log_is_open")?,
            }))
        })
        .await
    }
}

const EVENTS: &str = "select version, deploy_id, type, data, recorded_at, \
         recorded_at > now() - make_interval(secs => $3) \
             and exists (select from line_events begun where begun.deploy_id = told.deploy_id \
                 and begun.type = 'build_started' and begun.version < told.version) \
             and not exists (select from build_logs \
                 where build_logs.deploy_id = told.deploy_id and state <> 'following') \
         as is_early \
     from line_events told where app_id = $1";

const CHUNKS: &str = "select deploy_id, position, lines, data from build_log_chunks";

fn of_scope(scope: Scope) -> &'static str {
    if scope.deploy.is_some() { "deploy_id = $1" } else { "app_id = $1" }
}

fn read_event(row: &Row) -> Result<ToldEvent, Error> {
    Ok(ToldEvent {
        version: row.try_get("version")?,
        deploy: row.try_get("deploy_id")?,
        name: row.try_get("type")?,
        data: row.try_get("data")?,
        at: row.try_get("recorded_at")?,
        // Unknown for an event of the line itself.
        is_early: row.try_get::<_, Option<bool>>("is_early")?.unwrap_or_default(),
    })
}

fn read_chunk(row: &Row) -> Result<StoredChunk, Error> {
    Ok(StoredChunk {
        deploy: row.try_get("deploy_id")?,
        position: row.try_get("position")?,
        lines: u32::try_from(row.try_get::<_, i32>("lines")?).map_err(Error::permanent)?,
        data: row.try_get("data")?,
    })
}

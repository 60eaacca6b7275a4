//! A line as it is on record: locked for a decision, read from the state or, where that cannot be read, from the log.

use deadpool_postgres::{GenericClient, Transaction};
use deploy_domain::{Event, Line, fold};
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Error,
    sql::{execute, row, rows},
};

/// A line that nobody else can append to until the transaction ends.
pub(super) struct Locked {
    /// How many events it has.
    pub(super) version: i64,
    /// What they fold to.
    pub(super) line: Line,
    /// Who works on it.
    pub(super) lease: Option<Uuid>,
    /// Whether its app is deleted: then nothing is begun any more.
    pub(super) is_deleted: bool,
}

/// Locks an app's line; the first time, there is none yet. It must be the first thing that the transaction does.
pub(super) async fn lock(tx: &Transaction<'_>, app: Uuid) -> Result<Locked, Error> {
    let row = lock_row(tx, app).await?;
    let line = read_state(tx, app, row.try_get("state")?).await?;
    let is_deleted = row.try_get("is_deleted")?;
    Ok(Locked { version: row.try_get("version")?, line, lease: row.try_get("lease")?, is_deleted })
}

/// The same, with the row of `lines` as it is: `version`, `state` and `lease`; and whether the app `is_deleted`, which is
/// asked so that a schema answers, too, in which nothing can be deleted yet.
///
/// Postgres numbers a transaction when it first writes, and locking a row can count as writing before the lock is had.
/// The advisory lock does not: so these numbers rise with the versions of a line, and the relay can publish in their
/// order.
pub(super) async fn lock_row(tx: &Transaction<'_>, app: Uuid) -> Result<Row, Error> {
    const TURN: &str = "select pg_advisory_xact_lock($1)";
    const LOCK: &str = "select version, state, lease, \
             exists (select from apps where apps.app_id = lines.app_id \
                 and to_jsonb(apps) ->> 'deleted_at' is not null) as is_deleted \
         from lines where app_id = $1 for update";
    const BEGIN: &str =
        "insert into lines (app_id, state) select app_id, $2 from apps where app_id = $1";
    let (turn, _) = app.as_u64_pair();
    execute(tx, TURN, &[&turn.cast_signed()]).await?;
    if let Some(row) = row(tx, LOCK, &[&app]).await? {
        return Ok(row);
    }
    execute(tx, BEGIN, &[&app, &write_state(&Line::default())?]).await?;
    row(tx, LOCK, &[&app]).await?.ok_or(Error::UnknownApp(app))
}

/// The state on record; the log where a former version of this program wrote it in a shape that is no more.
pub(super) async fn read_state(
    client: &impl GenericClient,
    app: Uuid,
    state: &str,
) -> Result<Line, Error> {
    match serde_json::from_str(state) {
        Ok(line) => Ok(line),
        Err(_) => Ok(fold(&events(client, app).await?)),
    }
}

/// The state as it is put on record.
pub(super) fn write_state(line: &Line) -> Result<String, Error> {
    serde_json::to_string(line).map_err(Error::permanent)
}

/// Every event of a line.
pub(super) async fn events(client: &impl GenericClient, app: Uuid) -> Result<Vec<Event>, Error> {
    const EVENTS: &str = "select version, data from line_events where app_id = $1 order by version";
    let parse = |row: &Row| {
        let version: i64 = row.try_get("version")?;
        serde_json::from_str(row.try_get("data")?).map_err(|error| {
            Error::permanent(format!("event {version} of app {app} cannot be read: {error}"))
        })
    };
    rows(client, EVENTS, &[&app]).await?.iter().map(parse).collect()
}

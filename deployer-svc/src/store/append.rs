//! Appends decided events at the version they were decided on, with the state they fold to and everything that is read
//! of them, in the caller's transaction.

use deadpool_postgres::Transaction;
use deploy_domain::{Event, evolve, plan};
use uuid::Uuid;

use super::{
    Error,
    changes::Changes,
    log::{Locked, write_state},
    projection::project,
    sql::{bigint, execute, rows},
};

/// When the line is to be looked at after the append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// At once if there is something to do.
    Now,
    /// The holder of the lease goes on with it.
    ByHolder,
}

/// Appends the events and moves the line on. The changes are to be counted after the commit.
pub(super) async fn append(
    tx: &Transaction<'_>,
    app: Uuid,
    locked: Locked,
    events: &[Event],
    traceparent: Option<&str>,
    due: Due,
) -> Result<(Locked, Changes), Error> {
    let mut changes = Changes::default();
    if events.is_empty() {
        return Ok((locked, changes));
    }
    let version = write_events(tx, app, locked.version, events, traceparent).await?;
    let mut line = locked.line;
    for event in events {
        line = evolve(line, event);
        changes.0.extend(project(tx, app, event, &line, traceparent).await?);
    }
    let moved = Locked { version, line, ..locked };
    move_on(tx, app, locked.version, &moved, due).await?;
    Ok((moved, changes))
}

async fn write_events(
    tx: &Transaction<'_>,
    app: Uuid,
    after: i64,
    events: &[Event],
    traceparent: Option<&str>,
) -> Result<i64, Error> {
    const INSERT: &str = "insert into line_events (app_id, version, deploy_id, type, data, traceparent) \
         select $1, $2 + n, deploy_id, type, data, $6 \
         from unnest($3::uuid[], $4::text[], $5::text[]) with ordinality as new (deploy_id, type, data, n) \
         order by n";
    let deploys: Vec<Option<Uuid>> =
        events.iter().map(|event| event.deploy().map(|deploy| deploy.0)).collect();
    let types: Vec<&str> = events.iter().map(Event::name).collect();
    let data: Vec<String> = events
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()
        .map_err(Error::permanent)?;
    execute(tx, INSERT, &[&app, &after, &deploys, &types, &data, &traceparent]).await?;
    Ok(after + bigint(events.len() as u64)?)
}

/// Word of it leaves with the commit.
async fn move_on(
    tx: &Transaction<'_>,
    app: Uuid,
    from: i64,
    to: &Locked,
    due: Due,
) -> Result<(), Error> {
    const MOVE: &str = "with moved as ( \
             update lines set version = $3, state = $4, \
                 next_step_at = case when $5 then next_step_at when $6 then now() end \
             where app_id = $1 and version = $2 returning app_id \
         ) select pg_notify('paas_lines', app_id::text) from moved";
    let by_holder = due == Due::ByHolder;
    let has_work = !plan(&to.line).is_empty();
    let state = write_state(&to.line)?;
    let moved = rows(tx, MOVE, &[&app, &from, &to.version, &state, &by_holder, &has_work]).await?;
    if moved.is_empty() { Err(Error::lost_race("the line moved on")) } else { Ok(()) }
}

//! Who works on a line. A lease says who is trying, no more: fences and deterministic names make it safe when two try.
//!
//! While a line is held, `next_step_at` stands at the lease's end, so that a holder who is gone is followed by another.
//! Whatever wants the line looked at moves it from there, which is how [`Store::release`] sees what arrived meanwhile.

use std::time::Duration;

use deploy_domain::Line;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Error, Store,
    connection::within,
    log::read_state,
    sql::{execute, rows},
};
use crate::metrics::metrics;

/// An app, as the cluster needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id.
    pub id: Uuid,
    /// A DNS label.
    pub name: String,
    /// Whose it is.
    pub tenant_id: Uuid,
}

/// A line that this process works on.
#[derive(Debug, Clone)]
pub struct Leased {
    /// Whose line.
    pub app: App,
    /// This holder's mark.
    pub lease: Uuid,
    /// The state; [`Store::report`] keeps it up to date.
    pub line: Line,
    /// The version of that state.
    pub version: i64,
    /// Failures in a row of the world around us, as the last holder left it.
    pub failures: i32,
    /// The span in which a holder who is gone last moved the line; nothing where the line was given back.
    pub left_at: Option<String>,
}

/// When to look at a line again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// After this time, or earlier when something happens.
    At(Duration),
    /// When something happens: there is nothing to do.
    Idle,
}

impl Next {
    fn seconds(self) -> Option<f64> {
        match self {
            Self::At(after) => Some(after.as_secs_f64()),
            Self::Idle => None,
        }
    }
}

impl Store {
    /// Takes lines that are due and that nobody holds, the longest due first.
    pub async fn lease_next(&self, duration: Duration, limit: usize) -> Result<Vec<Leased>, Error> {
        const LEASE: &str = "with due as ( \
                 select app_id, lease is not null as taken_over from lines \
                 where next_step_at <= now() and (leased_until is null or leased_until <= now()) \
                 order by next_step_at limit $2 for update skip locked \
             ) \
             update lines set lease = gen_random_uuid(), leased_until = now() + make_interval(secs => $1), \
                 next_step_at = now() + make_interval(secs => $1) \
             from due join apps using (app_id) where lines.app_id = due.app_id \
             returning lines.app_id, name, tenant_id, lines.lease, version, state, failures, \
                 case when taken_over then (select traceparent from line_events \
                     where line_events.app_id = lines.app_id order by line_events.version desc limit 1) \
                 end as left_at, taken_over";
        let limit = i64::try_from(limit).map_err(Error::permanent)?;
        within(async {
            let client = self.client().await?;
            let mut leased = Vec::new();
            for row in rows(&client, LEASE, &[&duration.as_secs_f64(), &limit]).await? {
                let app: Uuid = row.try_get("app_id")?;
                if row.try_get("taken_over")? {
                    metrics().taken_over();
                }
                match read_state(&client, app, row.try_get("state")?).await {
                    Ok(line) => leased.push(read_leased(&row, line)?),
                    // The lease keeps it from being tried all the time.
                    Err(error @ Error::Permanent(_)) => {
                        tracing::error!(app.id = %app, %error, "a line cannot be worked on");
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(leased)
        })
        .await
    }

    /// Holds on to a line; false when somebody else has it.
    pub async fn renew(&self, leased: &Leased, duration: Duration) -> Result<bool, Error> {
        const RENEW: &str = "update lines set leased_until = now() + make_interval(secs => $3), \
                 next_step_at = case when next_step_at = leased_until \
                     then now() + make_interval(secs => $3) else next_step_at end \
             where app_id = $1 and lease = $2";
        within(async {
            let client = self.client().await?;
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 3] =
                [&leased.app.id, &leased.lease, &duration.as_secs_f64()];
            Ok(execute(&client, RENEW, &params).await? == 1)
        })
        .await
    }

    /// Gives a line back. What arrived meanwhile is not lost: then it is due earlier than `next`. Nothing happens when
    /// somebody else has it.
    pub async fn release(&self, leased: &Leased, next: Next, failures: i32) -> Result<(), Error> {
        const RELEASE: &str = "with released as ( \
                 update lines set lease = null, leased_until = null, failures = $4, \
                     next_step_at = case when version = $3 and next_step_at = leased_until \
                         then now() + make_interval(secs => $5) \
                         else least(next_step_at, now() + make_interval(secs => $5)) end \
                 where app_id = $1 and lease = $2 returning app_id, next_step_at \
             ) select pg_notify('paas_lines', app_id::text) from released where next_step_at <= now()";
        within(async {
            let client = self.client().await?;
            rows(
                &client,
                RELEASE,
                &[&leased.app.id, &leased.lease, &leased.version, &failures, &next.seconds()],
            )
            .await?;
            Ok(())
        })
        .await
    }

    /// Has a line looked at now, if there is anything to do on it.
    pub async fn wake(&self, app: Uuid) -> Result<(), Error> {
        const WAKE: &str = "with woken as ( \
                 update lines set next_step_at = least(next_step_at, now()) \
                 where app_id = $1 and next_step_at is not null returning app_id \
             ) select pg_notify('paas_lines', app_id::text) from woken";
        within(async {
            let client = self.client().await?;
            rows(&client, WAKE, &[&app]).await?;
            Ok(())
        })
        .await
    }
}

fn read_leased(row: &Row, line: Line) -> Result<Leased, Error> {
    Ok(Leased {
        app: read_app(row)?,
        lease: row.try_get("lease")?,
        line,
        version: row.try_get("version")?,
        failures: row.try_get("failures")?,
        left_at: row.try_get("left_at")?,
    })
}

pub(super) fn read_app(row: &Row) -> Result<App, Error> {
    Ok(App {
        id: row.try_get("app_id")?,
        name: row.try_get("name")?,
        tenant_id: row.try_get("tenant_id")?,
    })
}

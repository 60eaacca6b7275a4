//! What builds said: who reads it from the cluster, and the chunks that are kept of it.

use std::time::Duration;

use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    Error, Store,
    connection::{racing, within},
    sql::{bigint, execute, row, rows},
};

/// Sets the locks on an app's chunks apart from all others.
const CHUNKS: i32 = 0x6c6f_6773;

/// A build whose log this process reads.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    pub(crate) deploy: Uuid,
    pub(crate) app: Uuid,
    /// This holder's mark.
    lease: Uuid,
    /// Lines that are kept, and their size.
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    /// Where the cluster's reader goes on.
    pub(crate) cursor: String,
}

/// Some lines on their way into the database.
#[derive(Debug, Clone)]
pub(crate) struct NewChunk {
    pub(crate) lines: u32,
    /// Size of the lines as they were.
    pub(crate) bytes: u64,
    /// The lines, packed.
    pub(crate) data: Vec<u8>,
    /// Goes on behind the last of them.
    pub(crate) cursor: String,
}

/// How a log that is not followed any more was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogState {
    Following,
    Complete,
    Truncated,
}

impl LogState {
    fn name(self) -> &'static str {
        match self {
            Self::Following => "following",
            Self::Complete => "complete",
            Self::Truncated => "truncated",
        }
    }
}

impl Store {
    /// Notes the builds that began within this time and whose logs nobody follows yet; how many they are.
    pub(crate) async fn adopt_logs(&self, within_last: Duration) -> Result<u64, Error> {
        const ADOPT: &str = "insert into build_logs (deploy_id, app_id) \
             select deploy_id, app_id from line_events begun \
             where type = 'build_started' and recorded_at > now() - make_interval(secs => $1) \
                 and not exists (select from build_logs where build_logs.deploy_id = begun.deploy_id) \
             on conflict do nothing";
        within(async {
            let client = self.client().await?;
            execute(&client, ADOPT, &[&within_last.as_secs_f64()]).await
        })
        .await
    }

    /// Takes logs that are unfinished and that nobody reads, the oldest first.
    pub(crate) async fn lease_logs(
        &self,
        duration: Duration,
        limit: usize,
    ) -> Result<Vec<Followed>, Error> {
        const LEASE: &str = "update build_logs set lease = gen_random_uuid(), \
                 leased_until = now() + make_interval(secs => $1) \
             where deploy_id in (select deploy_id from build_logs \
                 where state = 'following' and (leased_until is null or leased_until <= now()) \
                 order by started_at limit $2 for update skip locked) \
             returning deploy_id, app_id, lease, lines, bytes, cursor";
        let limit = i64::try_from(limit).map_err(Error::permanent)?;
        within(async {
            let client = self.client().await?;
            let leased = rows(&client, LEASE, &[&duration.as_secs_f64(), &limit]).await?;
            leased.iter().map(read_followed).collect()
        })
        .await
    }

    /// Holds on to a log; false when somebody else has it.
    pub(crate) async fn renew_log(
        &self,
        log: &Followed,
        duration: Duration,
    ) -> Result<bool, Error> {
        const RENEW: &str = "update build_logs set leased_until = now() + make_interval(secs => $3) \
             where deploy_id = $1 and lease = $2 and state = 'following'";
        within(async {
            let client = self.client().await?;
            Ok(execute(&client, RENEW, &[&log.deploy, &log.lease, &duration.as_secs_f64()]).await?
                == 1)
        })
        .await
    }

    /// Gives a log to whoever takes it next.
    pub(crate) async fn release_log(&self, log: &Followed) -> Result<(), Error> {
        const RELEASE: &str = "update build_logs set lease = null, leased_until = null \
             where deploy_id = $1 and lease = $2";
        within(async {
            let client = self.client().await?;
            execute(&client, RELEASE, &[&log.deploy, &log.lease]).await?;
            Ok(())
        })
        .await
    }

    /// Keeps lines and moves the cursor behind them, both or neither; false when somebody else has the log, or these
    /// lines are kept already. Whoever reads the app's logs is told.
    pub(crate) async fn append_log(
        &self,
        log: &mut Followed,
        chunk: &NewChunk,
        state: LogState,
    ) -> Result<bool, Error> {
        let kept = racing(|| within(self.try_append(log, chunk, state))).await?;
        if kept {
            log.lines += u64::from(chunk.lines);
            log.bytes += chunk.bytes;
            log.cursor.clone_from(&chunk.cursor);
        }
        Ok(kept)
    }

    async fn try_append(
        &self,
        log: &Followed,
        chunk: &NewChunk,
        state: LogState,
    ) -> Result<bool, Error> {
        const TURN: &str = "select pg_advisory_xact_lock($1, $2)";
        const MOVE: &str = "update build_logs set lines = lines + $4, bytes = bytes + $5, cursor = $6, state = $7, \
                 updated_at = now() \
             where deploy_id = $1 and lease = $2 and lines = $3 and state = 'following'";
        const INSERT: &str = "insert into build_log_chunks (deploy_id, first_line, lines, app_id, data) \
             values ($1, $2, $3, $4, $5)";
        let (first, bytes) = (bigint(log.lines)?, bigint(chunk.bytes)?);
        let lines = i32::try_from(chunk.lines).map_err(Error::permanent)?;
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        // Two builds of one app: their chunks get their positions in the order of the commits.
        execute(&tx, TURN, &[&CHUNKS, &turn(log.app)]).await?;
        let moved = execute(
            &tx,
            MOVE,
            &[
                &log.deploy,
                &log.lease,
                &first,
                &i64::from(lines),
                &bytes,
                &chunk.cursor,
                &state.name(),
            ],
        )
        .await?;
        if moved == 0 {
            return Ok(false);
        }
        if lines > 0 {
            execute(&tx, INSERT, &[&log.deploy, &first, &lines, &log.app, &chunk.data]).await?;
        }
        rows(&tx, NOTIFY, &[&log.app.to_string()]).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// How long ago it went on record that a build had ended; `None` before.
    pub(crate) async fn build_over_for(&self, deploy: Uuid) -> Result<Option<Duration>, Error> {
        const OVER: &str = "select extract(epoch from now() - min(recorded_at))::float8 as ago from line_events \
             where deploy_id = $1 and type in ('built', 'failed', 'build_stopped')";
        within(async {
            let client = self.client().await?;
            let found = row(&client, OVER, &[&deploy]).await?;
            let ago: Option<f64> = found.map(|row| row.try_get("ago")).transpose()?.flatten();
            Ok(ago.map(|ago| Duration::try_from_secs_f64(ago).unwrap_or_default()))
        })
        .await
    }

    /// Forgets the logs of builds that began so long ago, at most so many; how many it were.
    pub(crate) async fn prune_logs(&self, older: Duration, limit: u32) -> Result<u64, Error> {
        const PRUNE: &str = "delete from build_logs where deploy_id in ( \
                 select deploy_id from build_logs where started_at < now() - make_interval(secs => $1) \
                 limit $2 for update skip locked)";
        within(async {
            let client = self.client().await?;
            execute(&client, PRUNE, &[&older.as_secs_f64(), &i64::from(limit)]).await
        })
        .await
    }
}

/// Word leaves with the commit.
const NOTIFY: &str = "select pg_notify('paas_logs', $1)";

/// What tells an app from others where only a few bits may.
fn turn(app: Uuid) -> i32 {
    let [.., a, b, c, d] = app.into_bytes();
    i32::from_be_bytes([a, b, c, d])
}

fn read_followed(row: &Row) -> Result<Followed, Error> {
    let number = |column| -> Result<u64, Error> {
        u64::try_from(row.try_get::<_, i64>(column)?).map_err(Error::permanent)
    };
    Ok(Followed {
        deploy: row.try_get("deploy_id")?,
        app: row.try_get("app_id")?,
        lease: row.try_get("lease")?,
        lines: number("lines")?,
        bytes: number("bytes")?,
        cursor: row.try_get("cursor")?,
    })
}

//! The dead letters as people deal with them: read, retried, discarded. A letter is never deleted.

use deploy_domain::Push;
use jiff::Timestamp;
use paas_proto::deploys::DeadLetterState;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    DeadLetter, Error, Place, Store, TakenIn,
    connection::{racing, within},
    log::lock,
    sql::{Params, bigint, execute, row, rows},
    take_in::record,
};

/// A dead letter and what became of it.
#[derive(Debug, Clone)]
pub struct StoredLetter {
    /// Its number.
    pub id: i64,
    /// The message; in lists without its bytes.
    pub letter: DeadLetter,
    /// When it was put aside.
    pub recorded_at: Timestamp,
    /// Whether somebody has dealt with it.
    pub state: DeadLetterState,
    /// Who, and when.
    pub settled: Option<(String, Timestamp)>,
}

/// Which letters.
#[derive(Debug, Clone, Copy, Default)]
pub struct LetterFilter {
    /// Only those on subjects of this app.
    pub app: Option<Uuid>,
    /// Only those in this state.
    pub state: Option<DeadLetterState>,
    /// Only those with a lower number: the next page.
    pub below: Option<i64>,
}

/// Why a letter was not dealt with.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// There is none of that number.
    #[error("there is no dead letter {0}")]
    Unknown(i64),
    /// What was taken in cannot be discarded.
    #[error("dead letter {0} was taken in")]
    TakenIn(i64),
    /// The core works without it, so that the version before can run on.
    #[error("the database is older than this call: run `deployer-svc migrate`")]
    Unmigrated,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Store {
    /// Newest first, at most so many.
    pub async fn letters(
        &self,
        filter: LetterFilter,
        limit: u32,
    ) -> Result<Vec<StoredLetter>, LetterError> {
        const PAGE: &str = "select dead_letter_id, stream, epoch, sequence, subject, message_id, deliveries, reason, \
                 recorded_at, ''::bytea as raw, outcome, settled_by, settled_at \
             from dead_letters left join dead_letter_outcomes using (dead_letter_id) \
             where ($1::text is null or subject like '%.' || $1) \
                 and ($2::text is null or coalesce(outcome, 'waiting') = $2) \
                 and ($3::bigint is null or dead_letter_id < $3) \
             order by dead_letter_id desc limit $4";
        let app = filter.app.map(|app| app.to_string());
        let state = filter.state.map(DeadLetterState::name);
        self.read_letters(PAGE, &[&app, &state, &filter.below, &i64::from(limit)]).await
    }

    /// One of them, with its bytes.
    pub async fn letter(&self, id: i64) -> Result<StoredLetter, LetterError> {
        const ONE: &str = "select * from dead_letters left join dead_letter_outcomes using (dead_letter_id) \
             where dead_letter_id = $1";
        self.read_letters(ONE, &[&id]).await?.pop().ok_or(LetterError::Unknown(id))
    }

    /// The one that stood at a place.
    pub async fn letter_of(&self, place: &Place) -> Result<Option<StoredLetter>, LetterError> {
        const OF: &str = "select * from dead_letters left join dead_letter_outcomes using (dead_letter_id) \
             where stream = $1 and epoch = $2 and sequence = $3";
        let (epoch, sequence) = (bigint(place.epoch)?, bigint(place.sequence)?);
        Ok(self.read_letters(OF, &[&place.stream, &epoch, &sequence]).await?.pop())
    }

    async fn read_letters(
        &self,
        sql: &str,
        params: Params<'_>,
    ) -> Result<Vec<StoredLetter>, LetterError> {
        self.ensure_outcomes().await?;
        let found = within(async {
            let client = self.client().await?;
            rows(&client, sql, params).await?.iter().map(read_letter).collect()
        });
        Ok(found.await?)
    }

    /// Takes a letter's push in and notes it in one transaction. Its app's line has the letter's place in the order, so
    /// that it never overtakes a newer push.
    pub async fn retry_letter(
        &self,
        id: i64,
        by: &str,
        (app, push): (Uuid, &Push),
        traceparent: Option<&str>,
    ) -> Result<TakenIn, LetterError> {
        self.ensure_outcomes().await?;
        let attempt = || within(self.try_retry(id, by, app, push, traceparent));
        racing(attempt).await?.ok_or(LetterError::Unknown(id))
    }

    async fn try_retry(
        &self,
        id: i64,
        by: &str,
        app: Uuid,
        push: &Push,
        traceparent: Option<&str>,
    ) -> Result<Option<TakenIn>, Error> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let locked = lock(&tx, app).await?;
        if execute(&tx, LOCK, &[&id]).await? == 0 {
            return Ok(None);
        }
        // Its place in the inbox it has had since it was put aside: whether it was taken in, the deploys tell.
        let (taken_in, changes) = record(&tx, app, locked, push, traceparent).await?;
        execute(&tx, RETRIED, &[&id, &by]).await?;
        tx.commit().await?;
        changes.count();
        Ok(Some(taken_in))
    }

    /// Notes that a letter was retried whose message changes nothing by itself.
    pub async fn letter_retried(&self, id: i64, by: &str) -> Result<(), LetterError> {
        self.ensure_outcomes().await?;
        let noted = within(async {
            let client = self.client().await?;
            execute(&client, RETRIED, &[&id, &by]).await
        });
        noted.await?;
        Ok(())
    }

    /// Notes that nobody needs a letter any more. The letter stays.
    pub async fn discard_letter(&self, id: i64, by: &str) -> Result<(), LetterError> {
        self.ensure_outcomes().await?;
        match racing(|| within(self.try_discard(id, by))).await? {
            None => Err(LetterError::Unknown(id)),
            Some(DeadLetterState::Retried) => Err(LetterError::TakenIn(id)),
            Some(_) => Ok(()),
        }
    }

    /// The state in which it found the letter.
    async fn try_discard(&self, id: i64, by: &str) -> Result<Option<DeadLetterState>, Error> {
        const DISCARDED: &str = "insert into dead_letter_outcomes (dead_letter_id, outcome, settled_by) \
             values ($1, 'discarded', $2) on conflict (dead_letter_id) do nothing";
        const STATE: &str = "select outcome from dead_letter_outcomes where dead_letter_id = $1";
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        if execute(&tx, LOCK, &[&id]).await? == 0 {
            return Ok(None);
        }
        let settled = row(&tx, STATE, &[&id]).await?;
        let state = state(settled.map(|row| row.try_get("outcome")).transpose()?)?;
        execute(&tx, DISCARDED, &[&id, &by]).await?;
        tx.commit().await?;
        Ok(Some(state))
    }

    /// The table came later than all that the core needs.
    async fn ensure_outcomes(&self) -> Result<(), LetterError> {
        const EXISTS: &str = "select 1 where to_regclass('dead_letter_outcomes') is not null";
        let there = within(async {
            let client = self.client().await?;
            row(&client, EXISTS, &[]).await
        });
        there.await?.map(|_| ()).ok_or(LetterError::Unmigrated)
    }
}

/// Two who deal with one letter do so one after the other.
const LOCK: &str = "select from dead_letters where dead_letter_id = $1 for update";

/// Who came first stays; one that was discarded may be retried all the same.
const RETRIED: &str = "insert into dead_letter_outcomes (dead_letter_id, outcome, settled_by) \
         values ($1, 'retried', $2) \
     on conflict (dead_letter_id) do update \
         set outcome = excluded.outcome, settled_by = excluded.settled_by, settled_at = excluded.settled_at \
         where dead_letter_outcomes.outcome <> excluded.outcome";

fn read_letter(row: &Row) -> Result<StoredLetter, Error> {
    let number = |column| -> Result<u64, Error> {
        u64::try_from(row.try_get::<_, i64>(column)?).map_err(Error::permanent)
    };
    let by: Option<String> = row.try_get("settled_by")?;
    Ok(StoredLetter {
        id: row.try_get("dead_letter_id")?,
        letter: DeadLetter {
            place: Place {
                stream: row.try_get("stream")?,
                epoch: number("epoch")?,
                sequence: number("sequence")?,
            },
            subject: row.try_get("subject")?,
            message_id: row.try_get("message_id")?,
            deliveries: row.try_get("deliveries")?,
            raw: row.try_get("raw")?,
            reason: row.try_get("reason")?,
        },
        recorded_at: row.try_get("recorded_at")?,
        state: state(row.try_get("outcome")?)?,
        settled: by.zip(row.try_get("settled_at")?),
    })
}

fn state(outcome: Option<String>) -> Result<DeadLetterState, Error> {
    let Some(name) = outcome else { return Ok(DeadLetterState::Waiting) };
    DeadLetterState::from_name(&name)
        .ok_or_else(|| Error::permanent(format!("`{name}` is no state of a dead letter")))
}

//! Takes a push in: the inbox, the decision and its events in one transaction, so that a message which comes again
//! changes nothing.

use deadpool_postgres::Transaction;
use deploy_domain::{Command, Push, decide};
use tracing::Instrument as _;
use uuid::Uuid;

use super::{
    Error, Store,
    append::{Due, append},
    changes::Changes,
    connection::{racing, transaction, within},
    log::{Locked, lock},
    sql::{bigint, execute, row},
};

/// A message of JetStream.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// Name of its stream.
    pub stream: String,
    /// What makes it the same message however often it was published.
    pub message_id: String,
    /// Its place in the stream.
    pub sequence: u64,
    /// The trace that what it changes belongs to.
    pub traceparent: Option<String>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenIn {
    /// Its push is on record now.
    Recorded,
    /// It was before.
    AlreadyKnown,
}

impl Store {
    /// Records a push and what it changes.
    pub async fn take_in(
        &self,
        message: &Inbound,
        app: Uuid,
        push: Push,
    ) -> Result<TakenIn, Error> {
        racing(|| within(self.try_take_in(message, app, &push)))
            .instrument(transaction("take_in"))
            .await
    }

    async fn try_take_in(
        &self,
        message: &Inbound,
        app: Uuid,
        push: &Push,
    ) -> Result<TakenIn, Error> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let locked = lock(&tx, app).await?;
        if !claim(&tx, &message.stream, &message.message_id, message.sequence).await? {
            return Ok(TakenIn::AlreadyKnown);
        }
        let (taken_in, changes) =
            record(&tx, app, locked, push, message.traceparent.as_deref()).await?;
        fail::fail_point!("intake::before_commit", |_| crate::failpoints::crash());
        tx.commit().await?;
        changes.count();
        Ok(taken_in)
    }

    /// What [`Store::take_in`] would answer now; nothing is written.
    pub async fn would_take_in(
        &self,
        message: &Inbound,
        app: Uuid,
        push: &Push,
    ) -> Result<TakenIn, Error> {
        const LOOK: &str = "select exists (select from apps where app_id = $1) as has_app, \
                 exists (select from apps where app_id = $1 \
                     and to_jsonb(apps) ->> 'deleted_at' is not null) as is_deleted, \
                 exists (select from deploys where deploy_id = $2) \
                     or exists (select from inbox \
                         where stream = $3 and message_id = $4 and sequence = $5) as is_known";
        within(async {
            let client = self.client().await?;
            let Inbound { stream, message_id, sequence, .. } = message;
            let (deploy, sequence) = (push.mark.deploy.0, bigint(*sequence)?);
            let found = row(&client, LOOK, &[&app, &deploy, stream, message_id, &sequence]).await?;
            let found = found.ok_or_else(|| Error::permanent("a question without an answer"))?;
            let (is_known, has_app): (bool, bool) =
                (found.try_get("is_known")?, found.try_get("has_app")?);
            match (has_app, found.try_get("is_deleted")?) {
                _ if is_known => Ok(TakenIn::AlreadyKnown),
                (true, false) => Ok(TakenIn::Recorded),
                (true, true) => Err(Error::DeletedApp(app)),
                (false, _) => Err(Error::UnknownApp(app)),
            }
        })
        .await
    }
}

/// Decides on a push and appends what follows, unless it is on record. The changes are to be counted after the commit.
pub(super) async fn record(
    tx: &Transaction<'_>,
    app: Uuid,
    locked: Locked,
    push: &Push,
    traceparent: Option<&str>,
) -> Result<(TakenIn, Changes), Error> {
    if is_on_record(tx, push.mark.deploy.0).await? {
        return Ok((TakenIn::AlreadyKnown, Changes::default()));
    }
    if locked.is_deleted {
        return Err(Error::DeletedApp(app));
    }
    let events = decide(&locked.line, Command::Push(Box::new(push.clone())));
    let events = events.map_err(Error::permanent)?;
    let (_, changes) = append(tx, app, locked, &events, traceparent, Due::Now).await?;
    Ok((TakenIn::Recorded, changes))
}

/// Puts a message into the inbox; false when it is there. The same id at another place in the stream is another
/// message: one that could not be recorded the first time may be published again.
pub(super) async fn claim(
    tx: &Transaction<'_>,
    stream: &str,
    message_id: &str,
    sequence: u64,
) -> Result<bool, Error> {
    const CLAIM: &str = "insert into inbox (stream, message_id, sequence) values ($1, $2, $3) \
         on conflict (stream, message_id) do update \
             set sequence = excluded.sequence, received_at = excluded.received_at \
             where inbox.sequence <> excluded.sequence";
    let sequence = bigint(sequence)?;
    Ok(execute(tx, CLAIM, &[&stream, &message_id, &sequence]).await? == 1)
}

async fn is_on_record(tx: &Transaction<'_>, deploy: Uuid) -> Result<bool, Error> {
    Ok(row(tx, "select from deploys where deploy_id = $1", &[&deploy]).await?.is_some())
}

//! Takes a push in: the inbox, the decision and its events in one transaction, so that a message which comes again
//! changes nothing.

use deadpool_postgres::Transaction;
use deploy_domain::{Command, Push, decide};
use uuid::Uuid;

use super::{
    Error, Store,
    append::{Due, append},
    connection::{racing, within},
    log::lock,
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
        racing(|| within(self.try_take_in(message, app, &push))).await
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
        let taken_in = if is_on_record(&tx, push.mark.deploy.0).await? {
            TakenIn::AlreadyKnown
        } else {
            let events = decide(&locked.line, Command::Push(Box::new(push.clone())))
                .map_err(Error::permanent)?;
            let traceparent = message.traceparent.as_deref();
            append(&tx, app, locked, &events, traceparent, Due::Now).await?;
            TakenIn::Recorded
        };
        fail::fail_point!("intake::before_commit", |_| crate::failpoints::crash());
        tx.commit().await?;
        Ok(taken_in)
    }
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

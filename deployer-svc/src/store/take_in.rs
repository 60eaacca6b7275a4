//! Takes a push in: the inbox, the decision and its events in one transaction, so that a message which comes again
//! changes nothing.

use deploy_domain::Push;
use uuid::Uuid;

use super::{Error, Store};

/// A message of JetStream.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// Name of its stream.
    pub stream: String,
    /// What makes it the same message however often it was published.
    pub message_id: String,
    /// Its place in the stream.
    pub sequence: u64,
    /// The trace of who published it.
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
        let _ = (message, app, push);
        Err(Error::permanent("being written"))
    }
}

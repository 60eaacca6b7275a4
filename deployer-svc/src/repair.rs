//! What people do when something was lost or went wrong.
//!
//! Pushes are taken in once more, messages that were put aside are tried again, the public copy of the log is published
//! anew. It goes the intake's own way, by `inbound` and the store, so that nothing on record changes.

mod letters;
mod prune;
mod pushes;
mod replay;
pub mod republish;
mod shown;

use std::sync::Arc;

use async_nats::jetstream::Context;
use paas_proto::streams::Prefix;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub(crate) use prune::run as prune;
pub(crate) use pushes::Selection;

use crate::store::{self, LetterError, Store};

/// Replays at a time: each is a person's, and the running pushes go first.
const REPLAYS: usize = 4;

/// Why a repair was not made, or broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Letter(#[from] LetterError),
    #[error("JetStream, about {stream}: {source}")]
    Broker { stream: String, source: async_nats::Error },
    #[error("still cannot be taken in: {0}")]
    Still(String),
    #[error("{REPLAYS} replays are running: try again when one has ended")]
    Busy,
    #[error("this deployer is shutting down; try again")]
    Draining,
}

/// Makes repairs. A clone shares the limit on replays.
#[derive(Debug, Clone)]
pub(crate) struct Repair {
    store: Store,
    jetstream: Context,
    prefix: Prefix,
    shutdown: CancellationToken,
    replays: Arc<Semaphore>,
}

impl Repair {
    pub(crate) fn new(
        store: Store,
        jetstream: Context,
        prefix: Prefix,
        shutdown: CancellationToken,
    ) -> Self {
        Self { store, jetstream, prefix, shutdown, replays: Arc::new(Semaphore::new(REPLAYS)) }
    }
}

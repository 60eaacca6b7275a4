//! Whose turn it is to change an app's webhooks, over all replicas. A turn is kept while the work goes on, and ends by
//! itself soon after a process that died.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};
use uuid::Uuid;

use super::Trouble;
use crate::store::{Error, Store};

const LEASE: Duration = Duration::from_secs(8);
const KEEP_EVERY: Duration = Duration::from_secs(2);
/// Longer than the turn of a process that died.
const PATIENCE: Duration = Duration::from_secs(12);
const ASK_EVERY: Duration = Duration::from_millis(150);

/// A turn. When it is dropped without an end, it runs out.
pub(super) struct Turn {
    store: Store,
    name: String,
    holder: Uuid,
    lost: CancellationToken,
    _keeping: AbortOnDropHandle<()>,
}

impl Turn {
    /// Waits for it, but not for long.
    pub(super) async fn take(store: &Store, app: Uuid) -> Result<Self, Trouble> {
        let (name, holder) = (format!("hooks of {app}"), Uuid::new_v4());
        let deadline = Instant::now() + PATIENCE;
        while !is_ours(store.take_turn(&name, holder, LEASE).await)? {
            if Instant::now() >= deadline {
                return Err(Trouble::Busy);
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        let lost = CancellationToken::new();
        let keeping = tokio::spawn(keep(store.clone(), name.clone(), holder, lost.clone()));
        let keeping = AbortOnDropHandle::new(keeping);
        Ok(Self { store: store.clone(), name, holder, lost, _keeping: keeping })
    }

    /// Ends when somebody else may have the turn.
    pub(super) async fn lost(&mut self) {
        self.lost.cancelled().await;
    }

    /// Lets the next one have it.
    pub(super) async fn end(self) {
        if let Err(error) = self.store.end_turn(&self.name, self.holder).await {
            tracing::debug!(%error, "a turn was not ended: it runs out");
        }
    }
}

/// On the schema of the version before there are no turns, and no webhooks to change.
fn is_ours(taken: Result<bool, Error>) -> Result<bool, Error> {
    match taken {
        Err(error) if error.is_of_older_schema() => Ok(true),
        taken => taken,
    }
}

async fn keep(store: Store, name: String, holder: Uuid, lost: CancellationToken) {
    let mut kept = Instant::now();
    while kept.elapsed() + KEEP_EVERY < LEASE {
        tokio::time::sleep(KEEP_EVERY).await;
        let asked = Instant::now();
        match is_ours(store.take_turn(&name, holder, LEASE).await) {
            Ok(true) => kept = asked,
            Ok(false) => break,
            Err(_) => {}
        }
    }
    lost.cancel();
}

//! Brings lines forward: leases those that are due, does on the cluster what `plan` says, reports what it sees.
//! Word of a change starts it at once; the poll underneath makes every such word dispensable.

mod boundary;
mod inputs;
mod line;
mod outcome;
mod patience;
mod step;
mod visit;

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::{JoinError, JoinSet},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

pub use step::Limits;

use crate::{
    backoff,
    clone_credentials::CloneCredentials,
    cluster_port::Cluster,
    store::{self, Notifications, Store},
};
use inputs::Inputs;
use line::Worker;
use step::Hands;

/// How many lines are worked on at once.
const LINES_AT_ONCE: usize = 32;
/// Finds lines that are due although nobody said so.
const POLL: Duration = Duration::from_secs(1);

/// What works on lines. A clone shares everything.
#[derive(Debug, Clone)]
pub struct Runner {
    store: Store,
    notifications: Notifications,
    hands: Arc<Hands>,
    inputs: Arc<Inputs>,
}

impl Runner {
    /// A runner on this cluster.
    #[must_use]
    pub fn new(
        store: Store,
        notifications: Notifications,
        cluster: Cluster,
        credentials: CloneCredentials,
        limits: Limits,
    ) -> Self {
        let hands = Arc::new(Hands::new(cluster, credentials, limits));
        Self { store, notifications, hands, inputs: Arc::default() }
    }

    /// Works on lines until the shutdown; then finishes the steps in flight and gives the lines back.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut news = self.notifications.subscribe();
        let mut lines = JoinSet::new();
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            match self.lease(&mut lines, &shutdown).await {
                Ok(()) => {
                    if failures > 0 {
                        tracing::info!("lines can be leased again");
                    }
                    failures = 0;
                    shutdown.run_until_cancelled(until_due(&mut lines, &mut news)).await;
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(%error, "lines cannot be leased; trying again");
                    }
                    let wait = tokio::time::sleep(backoff::short_delay(failures));
                    shutdown.run_until_cancelled(wait).await;
                }
            }
        }
        while let Some(ended) = lines.join_next().await {
            note(ended);
        }
        Ok(())
    }

    /// Takes as many of the lines that are due as there are free hands.
    async fn lease(
        &self,
        lines: &mut JoinSet<()>,
        shutdown: &CancellationToken,
    ) -> Result<(), store::Error> {
        let free = LINES_AT_ONCE.saturating_sub(lines.len());
        if free == 0 {
            return Ok(());
        }
        for leased in self.store.lease_next(line::LEASE, free).await? {
            boundary::leased();
            let worker = Worker {
                store: self.store.clone(),
                hands: Arc::clone(&self.hands),
                inputs: Arc::clone(&self.inputs),
                shutdown: shutdown.clone(),
            };
            lines.spawn(worker.work(leased));
        }
        Ok(())
    }
}

/// Waits until lines may be due and a hand is free. When all hands were busy, the first that is free finds out.
async fn until_due(lines: &mut JoinSet<()>, news: &mut Receiver<Uuid>) {
    let all_were_busy = lines.len() >= LINES_AT_ONCE;
    let poll = tokio::time::sleep(POLL);
    tokio::pin!(poll);
    loop {
        tokio::select! {
            () = hear(news), if !all_were_busy => return,
            () = &mut poll => return,
            Some(ended) = lines.join_next() => note(ended),
        }
        while let Some(ended) = lines.try_join_next() {
            note(ended);
        }
        if all_were_busy {
            return;
        }
    }
}

/// Waits for word; one look covers all that arrived by then.
async fn hear(news: &mut Receiver<Uuid>) {
    if let Err(RecvError::Closed) = news.recv().await {
        std::future::pending::<()>().await;
    }
    *news = news.resubscribe();
}

fn note(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        // Its lease runs out by itself.
        tracing::error!(%error, "work on a line ended by a mistake of ours");
    }
}

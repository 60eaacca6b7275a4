//! Brings lines forward: leases those that are due, does on the cluster what `plan` says, reports what it sees.
//! Word of a change starts it at once; the poll underneath makes every such word dispensable.

mod boundary;
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
    cluster_port::Cluster,
    store::{self, Notifications, Store},
};
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
}

impl Runner {
    /// A runner on this cluster.
    #[must_use]
    pub fn new(
        store: Store,
        notifications: Notifications,
        cluster: Cluster,
        limits: Limits,
    ) -> Self {
        Self { store, notifications, hands: Arc::new(Hands::new(cluster, limits)) }
    }

    /// Works on lines until the shutdown; then finishes the steps in flight and gives the lines back.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut news = self.notifications.subscribe();
        let mut lines = JoinSet::new();
        let mut failures = 0;
        while !shutdown.is_cancelled() {
            let wait = match self.lease(&mut lines, &shutdown).await {
                Ok(wait) => {
                    failures = 0;
                    wait
                }
                Err(error) => {
                    failures += 1;
                    tracing::warn!(%error, "lines cannot be leased; trying again");
                    shutdown
                        .run_until_cancelled(tokio::time::sleep(backoff::delay(failures)))
                        .await;
                    continue;
                }
            };
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = hear(&mut news) => {}
                Some(ended) = lines.join_next() => note(ended),
                () = tokio::time::sleep(wait) => {}
            }
        }
        while let Some(ended) = lines.join_next().await {
            note(ended);
        }
        Ok(())
    }

    /// Takes as many lines as there are free hands, and says how long to wait for the next look.
    async fn lease(
        &self,
        lines: &mut JoinSet<()>,
        shutdown: &CancellationToken,
    ) -> Result<Duration, store::Error> {
        let free = LINES_AT_ONCE.saturating_sub(lines.len());
        if free == 0 {
            return Ok(POLL);
        }
        let leased = self.store.lease_next(line::LEASE, free).await?;
        let more_are_due = leased.len() == free;
        for leased in leased {
            boundary::leased();
            let worker = Worker {
                store: self.store.clone(),
                hands: Arc::clone(&self.hands),
                shutdown: shutdown.clone(),
            };
            lines.spawn(worker.work(leased));
        }
        Ok(if more_are_due { Duration::ZERO } else { POLL })
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

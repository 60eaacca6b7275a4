//! Sees to it that every build's log is read by one replica: finds new builds, takes over logs whose reader is gone, and
//! runs a bounded number of readers. A deploy never waits for any of it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    sync::{
        Semaphore,
        broadcast::{Receiver, error::RecvError},
    },
    task::{JoinError, JoinSet},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::follower::{Follower, LEASE, Unwritten};
use crate::{
    cluster_port::Cluster,
    metrics::metrics,
    store::{Error, Notifications, Store},
};

/// Logs that one process reads at once.
const AT_ONCE: usize = 64;
/// Of these, so many write at once.
const WRITERS: usize = 4;
/// Finds new builds although nobody said so.
const POLL: Duration = Duration::from_secs(1);
/// Word of several lines within this time is one look.
const BURST: Duration = Duration::from_millis(150);
/// Builds that began so long ago are looked for at the start: their pods may still be there.
const FIRST_LOOK: Duration = Duration::from_hours(1);
/// Beyond the last look: for transactions that were open then.
const MARGIN: Duration = Duration::from_mins(1);

/// What keeps logs. A clone shares everything.
#[derive(Debug, Clone)]
pub(crate) struct Keeper {
    store: Store,
    notifications: Notifications,
    cluster: Cluster,
    writers: Arc<Semaphore>,
}

impl Keeper {
    pub(crate) fn new(store: Store, notifications: Notifications, cluster: Cluster) -> Self {
        Self { store, notifications, cluster, writers: Arc::new(Semaphore::new(WRITERS)) }
    }

    /// Keeps logs until the shutdown; then the readers give theirs back.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut news = self.notifications.subscribe();
        let mut readers = JoinSet::new();
        let mut looked = None;
        let mut failures = 0_u32;
        while !shutdown.is_cancelled() {
            let began = Instant::now();
            match self.look(looked.map_or(FIRST_LOOK, elapsed), &mut readers, &shutdown).await {
                Ok(()) => (looked, failures) = (Some(began), 0),
                Err(error) => {
                    failures += 1;
                    if failures == 2 {
                        tracing::warn!(%error, "the logs of builds are not kept for now");
                    }
                }
            }
            metrics().build_logs_following(readers.len());
            tokio::select! {
                () = shutdown.cancelled() => {}
                Some(ended) = readers.join_next() => report(ended),
                () = until_news(&mut news) => {}
                () = sleep(POLL) => {}
            }
        }
        while let Some(ended) = readers.join_next().await {
            report(ended);
        }
        metrics().build_logs_following(0);
        Ok(())
    }

    async fn look(
        &self,
        within_last: Duration,
        readers: &mut JoinSet<()>,
        shutdown: &CancellationToken,
    ) -> Result<(), Error> {
        self.store.adopt_logs(within_last).await?;
        let free = AT_ONCE.saturating_sub(readers.len());
        if free == 0 {
            return Ok(());
        }
        for log in self.store.lease_logs(LEASE, free).await? {
            let follower = Follower {
                store: self.store.clone(),
                cluster: self.cluster.clone(),
                writers: Arc::clone(&self.writers),
                shutdown: shutdown.clone(),
                log,
                unwritten: Unwritten::default(),
            };
            readers.spawn(follower.run());
        }
        Ok(())
    }
}

fn elapsed(looked: Instant) -> Duration {
    looked.elapsed() + MARGIN
}

fn report(ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "the reader of a build's log failed by a mistake; its lease runs out");
    }
}

/// Until some line moved, and a moment longer for those that move with it.
async fn until_news(news: &mut Receiver<Uuid>) {
    match news.recv().await {
        Ok(_) | Err(RecvError::Lagged(_)) => {
            sleep(BURST).await;
            *news = news.resubscribe();
        }
        Err(RecvError::Closed) => std::future::pending().await,
    }
}

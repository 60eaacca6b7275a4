//! Work that goes on all the time on one replica: whoever holds the duty renews it, and another takes it over soon after
//! a holder that died.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::store::Store;

const LEASE: Duration = Duration::from_secs(20);
const RENEW_EVERY: Duration = Duration::from_secs(5);
const ASK_EVERY: Duration = Duration::from_secs(5);

/// Works whenever the duty is ours, until `stopping`. The work is dropped wherever it is when the duty is lost.
pub(crate) async fn hold<W: Future<Output = ()>>(
    store: &Store,
    name: &str,
    stopping: &CancellationToken,
    work: impl Fn() -> W,
) {
    let holder = Uuid::new_v4();
    loop {
        match store.take_turn(name, holder, LEASE).await {
            Ok(true) => {
                tracing::info!(duty = name, "duty taken");
                tokio::select! {
                    () = work() => {}
                    () = until_lost(store, name, holder) => tracing::warn!(duty = name, "duty lost"),
                    () = stopping.cancelled() => return give_away(store, name, holder).await,
                }
            }
            Ok(false) => {}
            // The database's trouble is said by those who serve; the schema of the version before has no duties.
            Err(error) => tracing::debug!(%error, duty = name, "duty not taken"),
        }
        tokio::select! {
            () = sleep(ASK_EVERY) => {}
            () = stopping.cancelled() => return,
        }
    }
}

/// Renews it; ends when somebody else may have it.
async fn until_lost(store: &Store, name: &str, holder: Uuid) {
    let mut renewed = Instant::now();
    while renewed.elapsed() + RENEW_EVERY < LEASE {
        sleep(RENEW_EVERY).await;
        let asked = Instant::now();
        match store.take_turn(name, holder, LEASE).await {
            Ok(true) => renewed = asked,
            Ok(false) => return,
            Err(error) => tracing::debug!(%error, duty = name, "duty not renewed"),
        }
    }
}

async fn give_away(store: &Store, name: &str, holder: Uuid) {
    if let Err(error) = store.end_turn(name, holder).await {
        tracing::debug!(%error, duty = name, "duty not given away: it runs out");
    }
}

//! Forgets what is old, a little at a time. Every replica does: whatever one has deleted, the others do not find.

use std::time::Duration;

use tokio::time::sleep;

use crate::store::Store;

const FIRST: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_mins(10);
/// Few enough to be deleted well within a query's deadline.
const BATCH: u32 = 1000;
const BETWEEN: Duration = Duration::from_millis(100);

/// For ever.
pub(super) async fn run(store: Store, kept_days: u16) {
    sleep(FIRST).await;
    loop {
        match store.forget_deliveries(kept_days, BATCH).await {
            Ok(forgotten) if forgotten >= u64::from(BATCH) => {
                sleep(BETWEEN).await;
                continue;
            }
            Ok(_) => {}
            // Said by whoever writes it.
            Err(error) if error.is_of_older_schema() => {}
            Err(error) => tracing::warn!(%error, "old rows of the ledger could not be forgotten"),
        }
        sleep(EVERY).await;
    }
}

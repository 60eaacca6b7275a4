//! The inbox over time: what became too old to come again goes.

use std::time::Duration;

use super::{Error, Store, connection::within, sql::execute};

impl Store {
    /// Forgets messages that were taken in so long ago, at most so many; how many it were. Whoever forgets too early
    /// loses nothing: a push that comes again is on record as its deploy.
    pub async fn prune_inbox(&self, older: Duration, limit: u32) -> Result<u64, Error> {
        const PRUNE: &str = "delete from inbox where ctid in ( \
                 select ctid from inbox where received_at < now() - make_interval(secs => $1) \
                 limit $2 for update skip locked)";
        within(async {
            let client = self.client().await?;
            execute(&client, PRUNE, &[&older.as_secs_f64(), &i64::from(limit)]).await
        })
        .await
    }
}

//! After a logical restore, or a move to another server: positions in the log are numbers of the old server's
//! transactions, and the new one's may be lower. The relay would then wait, or pass over what is recorded from now on.

use super::{
    Error, Store,
    connection::{drive, within},
};

/// Whole logs may have to be written.
const PATIENCE: &str = "set statement_timeout = '10min'; set lock_timeout = '5s'";

/// No row that can be seen is of a transaction that is still to come, save one of another server.
const IS_FOREIGN: &str = "
    select greatest(
        (select txid from relay),
        (select txid from line_events order by txid desc, position desc limit 1)
    ) >= pg_snapshot_xmax(pg_current_snapshot())";

/// Everything keeps its place, before all that is recorded from now on. What was recorded since the restore is published:
/// its position is beyond the last one that was.
const SETTLE: &str = "
    begin;
    update line_events e
        set txid = case when (e.txid, e.position) <= (r.txid, r.position) and e.position <= r.position
                        then '0'::xid8 else '1'::xid8 end
        from relay r where e.txid > '1'::xid8;
    update relay set txid = '0',
        position = (select coalesce(max(position), 0) from line_events where txid = '0'::xid8);
    commit";

impl Store {
    /// Makes positions of another server's transactions earlier than all of this one; whether there were any. Only for
    /// the one who relays.
    pub async fn settle_positions(&self) -> Result<bool, Error> {
        let client = within(async {
            let (client, driver) = self.link().open().await?;
            drive(driver);
            client.batch_execute(PATIENCE).await?;
            Ok(client)
        })
        .await?;
        let foreign: Option<bool> = client.query_one(IS_FOREIGN, &[]).await?.try_get(0)?;
        if foreign != Some(true) {
            return Ok(false);
        }
        client.batch_execute(SETTLE).await?;
        Ok(true)
    }
}

//! The recorded events in the order of their commits, and how far they were published.

use jiff::Timestamp;
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use super::{
    Error, Store,
    connection::{SESSION, drive, within},
    sql::rows,
};

/// Names the session lock of the one who relays.
const LOCK: i64 = 0x7061_6173_5f72_656c;

/// An event as it is on record.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Whose line.
    pub app: Uuid,
    /// Its version.
    pub version: i64,
    /// The deploy it is about, if it is about one.
    pub deploy: Option<Uuid>,
    /// Its name.
    pub name: String,
    /// The event, JSON.
    pub data: String,
    /// The trace that it belongs to.
    pub traceparent: Option<String>,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    txid: String,
    position: i64,
}

/// The right to relay, held as long as this connection lives.
#[derive(Debug)]
pub struct Outbox {
    client: Client,
}

impl Outbox {
    /// Opens a connection of its own; `None` while somebody else relays.
    pub async fn claim(store: &Store) -> Result<Option<Self>, Error> {
        within(async {
            let (client, driver) = store.link().open().await?;
            drive(driver);
            client.batch_execute(SESSION).await?;
            let claimed = client.query_one("select pg_try_advisory_lock($1)", &[&LOCK]).await?;
            Ok(claimed.try_get::<_, bool>(0)?.then_some(Self { client }))
        })
        .await
    }

    /// The next events that were not published, in an order that no late commit can change: only what is older than
    /// the oldest transaction still open.
    pub async fn next(&self, limit: i64) -> Result<Vec<Recorded>, Error> {
        const NEXT: &str = "select txid::text as txid_text, position, app_id, version, deploy_id, type, data, traceparent, recorded_at \
             from line_events \
             where (txid, position) > ((select txid from relay), (select position from relay)) \
                 and txid < pg_snapshot_xmin(pg_current_snapshot()) \
             order by txid, position limit $1";
        within(async {
            let rows = self.client.query(NEXT, &[&limit]).await?;
            rows.iter().map(Recorded::read).collect()
        })
        .await
    }

    /// Notes that everything up to this event is published.
    pub async fn published(&self, last: &Recorded) -> Result<(), Error> {
        const NOTE: &str = "update relay set txid = $1::text::xid8, position = $2";
        within(async {
            self.client.execute(NOTE, &[&last.txid, &last.position]).await?;
            Ok(())
        })
        .await
    }
}

impl Store {
    /// A page of what was published, in the order of the commits: events no older than this, of one app or of all, after
    /// the last of the page before.
    pub async fn published(
        &self,
        app: Option<Uuid>,
        since: Timestamp,
        after: Option<&Recorded>,
        limit: i64,
    ) -> Result<Vec<Recorded>, Error> {
        const PAGE: &str = "select txid::text as txid_text, position, app_id, version, deploy_id, type, data, traceparent, recorded_at \
             from line_events \
             where (txid, position) <= ((select txid from relay), (select position from relay)) \
                 and (txid, position) > ($1::text::xid8, $2) \
                 and ($3::uuid is null or app_id = $3) and recorded_at >= $4 \
             order by txid, position limit $5";
        let (txid, position) =
            after.map_or(("0", 0), |after| (after.txid.as_str(), after.position));
        within(async {
            let client = self.client().await?;
            let page = rows(&client, PAGE, &[&txid, &position, &app, &since, &limit]).await?;
            page.iter().map(Recorded::read).collect()
        })
        .await
    }
}

impl Recorded {
    fn read(row: &Row) -> Result<Self, Error> {
        Ok(Self {
            app: row.try_get("app_id")?,
            version: row.try_get("version")?,
            deploy: row.try_get("deploy_id")?,
            name: row.try_get("type")?,
            data: row.try_get("data")?,
            traceparent: row.try_get("traceparent")?,
            recorded_at: row.try_get("recorded_at")?,
            txid: row.try_get("txid_text")?,
            position: row.try_get("position")?,
        })
    }
}

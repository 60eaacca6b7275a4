//! The ledger of deliveries.

use jiff::Timestamp;
use telemetry::Label as _;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Store, Tenancy};
use crate::ledger::Entry;

/// Rows of apps that are no more are left out, lest they take the others with them.
const NOTE: &str = "
    insert into deliveries (app_id, provider, origin, delivery_id, event, verdict, deploy_id, sha, branch, secret,
                            received_at)
    select app_id, provider, origin, delivery_id, event, verdict, deploy_id, sha, branch, secret, received_at
    from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::uuid[], $8::text[],
                $9::text[], $10::text[], $11::timestamptz[]) with ordinality
         as noted (app_id, provider, origin, delivery_id, event, verdict, deploy_id, sha, branch, secret, received_at, nr)
    where exists (select from apps where apps.app_id = noted.app_id)
    order by nr";

const FORGET: &str = "
    delete from deliveries where delivery_no in (
        select delivery_no from deliveries where received_at < now() - make_interval(days => $1)
        order by received_at limit $2)";

const LIST: &str = "
    select d.* from deliveries d join apps a using (app_id)
    where d.app_id = $1 and a.tenant_id = $2 and d.delivery_no < $3 and ($4::text is null or d.verdict = $4)
    order by d.delivery_no desc limit $5";

/// A row as it is read back.
#[derive(Debug, Clone)]
pub(crate) struct LedgerRow {
    pub(crate) number: i64,
    pub(crate) received_at: Timestamp,
    pub(crate) provider: String,
    pub(crate) origin: String,
    pub(crate) delivery_id: String,
    pub(crate) event: String,
    pub(crate) verdict: String,
    pub(crate) deploy_id: Option<Uuid>,
    pub(crate) sha: Option<String>,
    pub(crate) branch: Option<String>,
    pub(crate) secret: Option<String>,
}

impl Store {
    /// Writes rows, all or none.
    pub(crate) async fn note_deliveries(&self, entries: &[Entry]) -> Result<(), Error> {
        macro_rules! column {
            ($of:expr) => {
                entries.iter().map($of).collect::<Vec<_>>()
            };
        }
        self.with_client(async |client| {
            let statement = client.prepare_cached(NOTE).await?;
            client
                .execute(
                    &statement,
                    &[
                        &column!(|entry| entry.app),
                        &column!(|entry| entry.provider.name()),
                        &column!(|entry| entry.origin.value()),
                        &column!(|entry| entry.delivery_id.as_str()),
                        &column!(|entry| entry.event.as_str()),
                        &column!(|entry| entry.verdict.value()),
                        &column!(|entry| entry.deploy_id),
                        &column!(|entry| entry.sha.as_deref()),
                        &column!(|entry| entry.branch.as_deref()),
                        &column!(|entry| entry.secret.map(telemetry::Label::value)),
                        &column!(|entry| entry.received_at),
                    ],
                )
                .await
                .map(drop)
        })
        .await
    }

    /// Deletes rows that are older than so many days, at most so many, and says how many it were.
    pub(crate) async fn forget_deliveries(&self, days: u16, at_most: u32) -> Result<u64, Error> {
        self.with_client(async |client| {
            let statement = client.prepare_cached(FORGET).await?;
            client.execute(&statement, &[&i32::from(days), &i64::from(at_most)]).await
        })
        .await
    }
}

impl Tenancy<'_> {
    /// An app's rows below a number, newest first.
    pub(crate) async fn deliveries(
        &self,
        app: Uuid,
        verdict: Option<&str>,
        below: i64,
        at_most: i64,
    ) -> Result<Vec<LedgerRow>, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(LIST).await?;
            let rows =
                client.query(&statement, &[&app, &self.tenant, &below, &verdict, &at_most]).await?;
            rows.iter().map(delivery).collect()
        })
        .await
    }
}

fn delivery(row: &Row) -> Result<LedgerRow, tokio_postgres::Error> {
    Ok(LedgerRow {
        number: row.try_get("delivery_no")?,
        received_at: row.try_get("received_at")?,
        provider: row.try_get("provider")?,
        origin: row.try_get("origin")?,
        delivery_id: row.try_get("delivery_id")?,
        event: row.try_get("event")?,
        verdict: row.try_get("verdict")?,
        deploy_id: row.try_get("deploy_id")?,
        sha: row.try_get("sha")?,
        branch: row.try_get("branch")?,
        secret: row.try_get("secret")?,
    })
}

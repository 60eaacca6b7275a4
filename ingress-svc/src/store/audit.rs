//! The audit log: a row before each change, and how it ended.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Tenancy};

const BEGIN: &str = "
    insert into audit_log (audit_id, tenant_id, token_id, actor, action, target, client)
    values ($1, $2, $3, $4, $5, $6, $7)";

const PAGE: &str = "
    select audit_id, at, actor, action, target, client, status from audit_log
    where tenant_id = $1 and ($2::uuid is null or audit_id < $2)
    order by audit_id desc limit $3";

/// A change that begins.
#[derive(Debug)]
pub(crate) struct NewAuditEntry<'a> {
    pub(crate) id: Uuid,
    /// `None` for the operator's, which is no row.
    pub(crate) token: Option<Uuid>,
    pub(crate) actor: &'a str,
    pub(crate) action: &'a str,
    pub(crate) target: &'a str,
    pub(crate) client: &'a str,
}

/// A change as it is on record.
#[derive(Debug, Clone)]
pub(crate) struct AuditEntry {
    pub(crate) id: Uuid,
    pub(crate) at: Timestamp,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) target: String,
    pub(crate) client: String,
    /// `None` while it is not known how it ended.
    pub(crate) status: Option<i32>,
}

impl Tenancy<'_> {
    /// Notes a change that begins.
    pub(crate) async fn begin_audit(&self, entry: &NewAuditEntry<'_>) -> Result<(), Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(BEGIN).await?;
            let NewAuditEntry { id, token, actor, action, target, client: address } = entry;
            let values: [&(dyn tokio_postgres::types::ToSql + Sync); 7] =
                [id, &self.tenant, token, actor, action, target, address];
            client.execute(&statement, &values).await.map(drop)
        })
        .await
    }

    /// Notes how a change ended.
    pub(crate) async fn complete_audit(&self, id: Uuid, status: u16) -> Result<(), Error> {
        self.transaction(async |client| {
            let complete =
                "update audit_log set status = $3 where tenant_id = $1 and audit_id = $2";
            let statement = client.prepare_cached(complete).await?;
            client.execute(&statement, &[&self.tenant, &id, &i32::from(status)]).await.map(drop)
        })
        .await
    }

    /// So many changes, newest first, older than the given one.
    pub(crate) async fn audit(
        &self,
        before: Option<Uuid>,
        limit: i64,
    ) -> Result<Vec<AuditEntry>, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(PAGE).await?;
            let rows = client.query(&statement, &[&self.tenant, &before, &limit]).await?;
            rows.iter().map(entry).collect()
        })
        .await
    }
}

fn entry(row: &Row) -> Result<AuditEntry, tokio_postgres::Error> {
    Ok(AuditEntry {
        id: row.try_get("audit_id")?,
        at: row.try_get("at")?,
        actor: row.try_get("actor")?,
        action: row.try_get("action")?,
        target: row.try_get("target")?,
        client: row.try_get("client")?,
        status: row.try_get("status")?,
    })
}

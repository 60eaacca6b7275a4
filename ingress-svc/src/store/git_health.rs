//! What is on record about an app's pushes, for the question why nothing happens.

use jiff::Timestamp;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Tenancy};

const LAST: &str = "
    select d.received_at, d.event, d.verdict
    from deliveries d join apps a using (app_id)
    where d.app_id = $1 and a.tenant_id = $2 and d.origin = 'webhook'
    order by d.delivery_no desc limit 1";

const OF_COMMIT: &str = "
    select d.deploy_id, d.state, d.reason, l.verdict
    from apps a
    left join lateral (
        select deploy_id, state, coalesce(reason, '') as reason from deploys
        where app_id = a.app_id and sha = $3 and state <> 'duplicate'
        order by created_at desc limit 1) d on true
    left join lateral (
        select verdict from deliveries
        where app_id = a.app_id and sha = $3 and branch = $4
        order by delivery_no desc limit 1) l on true
    where a.app_id = $1 and a.tenant_id = $2";

/// The last delivery that came, whatever it was.
#[derive(Debug, Clone)]
pub(crate) struct LastDelivery {
    pub(crate) received_at: Timestamp,
    pub(crate) event: String,
    pub(crate) verdict: String,
}

/// What became of a commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct OfCommit {
    /// Its last deploy.
    pub(crate) deploy: Option<CommitsDeploy>,
    /// Of the last delivery that told of it, or of the sweep that found it.
    pub(crate) verdict: Option<String>,
}

/// A deploy of the commit.
#[derive(Debug, Clone)]
pub(crate) struct CommitsDeploy {
    pub(crate) id: Uuid,
    pub(crate) state: String,
    /// Why it is not live; may be empty.
    pub(crate) reason: String,
}

impl Tenancy<'_> {
    /// The last delivery that came for an app.
    pub(crate) async fn last_delivery(&self, app: Uuid) -> Result<Option<LastDelivery>, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(LAST).await?;
            let row = client.query_opt(&statement, &[&app, &self.tenant]).await?;
            row.as_ref().map(last).transpose()
        })
        .await
    }

    /// What became of a commit on a branch.
    pub(crate) async fn of_commit(
        &self,
        app: Uuid,
        sha: &str,
        branch: &str,
    ) -> Result<OfCommit, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(OF_COMMIT).await?;
            let row = client.query_opt(&statement, &[&app, &self.tenant, &sha, &branch]).await?;
            row.as_ref().map_or_else(|| Ok(OfCommit::default()), of_commit)
        })
        .await
    }
}

fn last(row: &Row) -> Result<LastDelivery, tokio_postgres::Error> {
    Ok(LastDelivery {
        received_at: row.try_get("received_at")?,
        event: row.try_get("event")?,
        verdict: row.try_get("verdict")?,
    })
}

fn of_commit(row: &Row) -> Result<OfCommit, tokio_postgres::Error> {
    let deploy = match row.try_get::<_, Option<Uuid>>("deploy_id")? {
        None => None,
        Some(id) => {
            Some(CommitsDeploy { id, state: row.try_get("state")?, reason: row.try_get("reason")? })
        }
    };
    Ok(OfCommit { deploy, verdict: row.try_get("verdict")? })
}

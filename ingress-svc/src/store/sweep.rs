//! What the sweeper asks: which apps there are to look after, and which push of each is the newest that is known.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Store, Tenancy};

/// Apps on a page.
const PAGE: i64 = 500;

/// Linked apps whose tenants have a connection that works.
const APPS: &str = "
    select a.tenant_id, a.app_id, s.provider
    from app_git_sources s
    join apps a using (app_id)
    join tenant_git_credentials c on c.tenant_id = a.tenant_id and c.provider = s.provider
    where a.deleted_at is null and c.refused_at is null and (a.tenant_id, a.app_id) > ($1, $2)
    order by a.tenant_id, a.app_id limit $3";

/// The newest deploy of a push: the last by its place, of those that were not overtaken before they came. And the last
/// delivery for the branch that was taken in, whatever became of it.
const NEWEST: &str = "
    select s.provider, s.repo_full_name, s.branch, s.head_at_link,
           s.auto_deploy_enabled and s.auto_deploy_paused_by is null as auto_deploy,
           d.deploy_id, d.sha as deploy_sha, l.delivery_no, l.sha as delivered_sha
    from app_git_sources s
    join apps a using (app_id)
    left join lateral (
        select recent.deploy_id, recent.sha
        from (select * from deploys where app_id = s.app_id and identity is not null
              order by created_at desc limit 100) recent
        left join deploys o on recent.state = 'superseded' and o.deploy_id = recent.other_id
        where coalesce((o.place_epoch, o.place) > (recent.place_epoch, recent.place), true)
        order by recent.place_epoch desc nulls last, recent.place desc nulls last, recent.created_at desc
        limit 1) d on true
    left join lateral (
        select delivery_no, sha from deliveries
        where app_id = s.app_id and branch = s.branch and sha is not null
          and verdict in ('queued', 'unchanged', 'auto_deploy_disabled', 'skipped_by_message', 'no_watched_path',
                          'repository_mismatch')
        order by delivery_no desc limit 1) l on true
    where s.app_id = $1 and a.tenant_id = $2";

/// Of the link that was looked at.
const SAW_HEAD: &str = "
    update app_git_sources s set head_at_link = $6
    from apps a
    where s.app_id = $1 and a.app_id = s.app_id and a.tenant_id = $2
      and s.provider = $3 and s.repo_full_name = $4 and s.branch = $5 and s.head_at_link is distinct from $6";

/// An app to look after.
#[derive(Debug, Clone)]
pub(crate) struct SweptApp {
    pub(crate) tenant: Uuid,
    pub(crate) app: Uuid,
    pub(crate) provider: String,
}

/// An app's link, and how far its pushes are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Newest {
    pub(crate) provider: String,
    pub(crate) repo_full_name: String,
    pub(crate) branch: String,
    pub(crate) auto_deploy: bool,
    /// The head that needs nothing: where the branch was when it was linked, or when a sweep last found it accounted for.
    pub(crate) settled_head: Option<String>,
    /// The newest push that became a deploy: the deploy, and its commit.
    pub(crate) deploy: Option<(Uuid, String)>,
    /// The last delivery of a push to the branch: its number in the ledger, and its commit.
    pub(crate) delivery: Option<(i64, String)>,
}

impl Store {
    /// A page of them, after this one.
    pub(crate) async fn apps_to_sweep(
        &self,
        after: Option<&SweptApp>,
    ) -> Result<Vec<SweptApp>, Error> {
        let (tenant, app) =
            after.map_or((Uuid::nil(), Uuid::nil()), |last| (last.tenant, last.app));
        self.with_client(async |client| {
            let statement = client.prepare_cached(APPS).await?;
            let rows = client.query(&statement, &[&tenant, &app, &PAGE]).await?;
            let swept = |row: &Row| {
                Ok(SweptApp {
                    tenant: row.try_get("tenant_id")?,
                    app: row.try_get("app_id")?,
                    provider: row.try_get("provider")?,
                })
            };
            rows.iter().map(swept).collect()
        })
        .await
    }
}

impl Tenancy<'_> {
    /// How far an app's pushes are known; `None` when it is not linked.
    pub(crate) async fn newest_push(&self, app: Uuid) -> Result<Option<Newest>, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(NEWEST).await?;
            let row = client.query_opt(&statement, &[&app, &self.tenant]).await?;
            row.as_ref().map(newest).transpose()
        })
        .await
    }

    /// Keeps that this head of the link's branch needs nothing any more.
    pub(crate) async fn settle_head(
        &self,
        app: Uuid,
        link: &Newest,
        head: &str,
    ) -> Result<(), Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(SAW_HEAD).await?;
            let (provider, repo) = (&link.provider, &link.repo_full_name);
            client
                .execute(&statement, &[&app, &self.tenant, provider, repo, &link.branch, &head])
                .await
                .map(drop)
        })
        .await
    }
}

fn newest(row: &Row) -> Result<Newest, tokio_postgres::Error> {
    let deploy: Option<Uuid> = row.try_get("deploy_id")?;
    let delivery: Option<i64> = row.try_get("delivery_no")?;
    Ok(Newest {
        provider: row.try_get("provider")?,
        repo_full_name: row.try_get("repo_full_name")?,
        branch: row.try_get("branch")?,
        auto_deploy: row.try_get("auto_deploy")?,
        settled_head: row.try_get("head_at_link")?,
        deploy: deploy.zip(row.try_get("deploy_sha")?),
        delivery: delivery.zip(row.try_get("delivered_sha")?),
    })
}

//! What a commit's status is made from: the deploy as it stands, and where its commit is shown.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Store};

/// A later deploy of the same commit says more about it than this one, unless it only repeats it.
const SHOWN: &str = "
    select a.tenant_id, a.name, s.provider, coalesce(nullif(d.repo, ''), s.repo_full_name) as repo,
           d.sha, d.state, d.source, d.reason,
           exists (select from deploys later
                   where later.app_id = d.app_id and later.sha = d.sha and later.state <> 'duplicate'
                     and later.created_at > d.created_at) as is_outdated
    from deploys d
    join apps a using (app_id)
    join app_git_sources s using (app_id)
    where d.deploy_id = $1";

/// A deploy, for those who look at its commit.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) tenant: Uuid,
    pub(crate) app_name: String,
    /// Of the link as it is now.
    pub(crate) provider: String,
    pub(crate) repo: String,
    pub(crate) sha: String,
    /// As the REST API names it.
    pub(crate) state: String,
    /// Whence it comes, for instance `github_webhook:<sha>`.
    pub(crate) source: String,
    pub(crate) reason: Option<String>,
    pub(crate) is_outdated: bool,
}

impl Store {
    /// A deploy as it stands now; `None` when it is not known, or its app follows nothing any more.
    pub(crate) async fn shown(&self, deploy: Uuid) -> Result<Option<Shown>, Error> {
        self.with_client(async |client| {
            let statement = client.prepare_cached(SHOWN).await?;
            client.query_opt(&statement, &[&deploy]).await?.as_ref().map(shown).transpose()
        })
        .await
    }
}

fn shown(row: &Row) -> Result<Shown, tokio_postgres::Error> {
    Ok(Shown {
        tenant: row.try_get("tenant_id")?,
        app_name: row.try_get("name")?,
        provider: row.try_get("provider")?,
        repo: row.try_get("repo")?,
        sha: row.try_get("sha")?,
        state: row.try_get("state")?,
        source: row.try_get("source")?,
        reason: row.try_get("reason")?,
        is_outdated: row.try_get("is_outdated")?,
    })
}

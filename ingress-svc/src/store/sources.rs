//! Which repository an app follows, as the management API sets it. Sealed secrets go in and never come out here.

use tokio_postgres::Row;
use uuid::Uuid;

use super::{Error, Tenancy};

/// Keeps the secrets that are there. What was learnt about another repository is forgotten.
const PUT: &str = "
    insert into app_git_sources as s (app_id, provider, repo_full_name, clone_url, branch, auto_deploy_enabled,
                                      webhook_secret, signing_token, signing_required)
    select app_id, $2, $3, $4, $5, $6, $7, $8, $9 from apps where app_id = $1 and tenant_id = $10
    on conflict (app_id) do update set
        provider = excluded.provider,
        repo_full_name = excluded.repo_full_name,
        clone_url = excluded.clone_url,
        branch = excluded.branch,
        auto_deploy_enabled = excluded.auto_deploy_enabled,
        signing_token = case when excluded.provider = 'gitlab'
                             then coalesce(excluded.signing_token, s.signing_token) end,
        signing_required = excluded.signing_required,
        repo_id = case when s.provider = excluded.provider
                        and lower(s.repo_full_name) = lower(excluded.repo_full_name) then s.repo_id end,
        last_deploy_sha = case when s.provider = excluded.provider
                                and lower(s.repo_full_name) = lower(excluded.repo_full_name)
                               then s.last_deploy_sha end,
        updated_at = now()
    returning s.*, s.webhook_secret = $7 as is_new";

const GET: &str = "
    select s.* from app_git_sources s join apps a using (app_id) where s.app_id = $1 and a.tenant_id = $2";

const PUT_SECRET: &str = "
    update app_git_sources s set webhook_secret = $2, updated_at = now()
    from apps a where s.app_id = $1 and a.app_id = s.app_id and a.tenant_id = $3";

/// A source as it is to be.
#[derive(Debug)]
pub(crate) struct NewSource<'a> {
    pub(crate) provider: &'a str,
    pub(crate) repo_full_name: &'a str,
    pub(crate) clone_url: &'a str,
    pub(crate) branch: &'a str,
    pub(crate) auto_deploy_enabled: bool,
    /// Sealed; only for a source that has none.
    pub(crate) webhook_secret: &'a [u8],
    /// Sealed.
    pub(crate) signing_token: Option<&'a [u8]>,
    pub(crate) signing_required: bool,
}

/// A source as it is, without its secrets.
#[derive(Debug, Clone)]
pub(crate) struct GitSource {
    pub(crate) provider: String,
    pub(crate) repo_full_name: String,
    pub(crate) clone_url: String,
    pub(crate) branch: String,
    pub(crate) auto_deploy_enabled: bool,
    pub(crate) auto_deploy_paused_by: Option<Uuid>,
    pub(crate) signing_required: bool,
    pub(crate) last_deploy_sha: Option<String>,
}

impl Tenancy<'_> {
    /// Sets an app's source, and says whether the given secret became its secret; `None` when there is no such app.
    pub(crate) async fn put_source(
        &self,
        app: Uuid,
        new: &NewSource<'_>,
    ) -> Result<Option<(GitSource, bool)>, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(PUT).await?;
            let row = client
                .query_opt(
                    &statement,
                    &[
                        &app,
                        &new.provider,
                        &new.repo_full_name,
                        &new.clone_url,
                        &new.branch,
                        &new.auto_deploy_enabled,
                        &new.webhook_secret,
                        &new.signing_token,
                        &new.signing_required,
                        &self.tenant,
                    ],
                )
                .await?;
            row.map(|row| Ok((source(&row)?, row.try_get("is_new")?))).transpose()
        })
        .await
    }

    /// An app's source.
    pub(crate) async fn source(&self, app: Uuid) -> Result<Option<GitSource>, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(GET).await?;
            let row = client.query_opt(&statement, &[&app, &self.tenant]).await?;
            row.as_ref().map(source).transpose()
        })
        .await
    }

    /// Replaces the sealed secret; false when the app has no source.
    pub(crate) async fn put_secret(&self, app: Uuid, sealed: &[u8]) -> Result<bool, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(PUT_SECRET).await?;
            Ok(client.execute(&statement, &[&app, &sealed, &self.tenant]).await? == 1)
        })
        .await
    }
}

fn source(row: &Row) -> Result<GitSource, tokio_postgres::Error> {
    Ok(GitSource {
        provider: row.try_get("provider")?,
        repo_full_name: row.try_get("repo_full_name")?,
        clone_url: row.try_get("clone_url")?,
        branch: row.try_get("branch")?,
        auto_deploy_enabled: row.try_get("auto_deploy_enabled")?,
        auto_deploy_paused_by: row.try_get("auto_deploy_paused_by")?,
        signing_required: row.try_get("signing_required")?,
        last_deploy_sha: row.try_get("last_deploy_sha")?,
    })
}

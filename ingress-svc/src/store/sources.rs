//! Which repository an app follows, as the management API sets it. Sealed secrets go in and never come out here.

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use tokio_postgres::{Row, types::ToSql};
use uuid::Uuid;

use super::{Error, Store, Tenancy};

const COLUMNS: &str = "s.provider, s.repo_full_name, s.clone_url, s.branch, s.auto_deploy_enabled, \
     s.auto_deploy_paused_by, s.signing_required, s.last_deploy_sha";

/// Whether the link is to the repository that was linked before: by its number, or by its name while that is unknown.
const LINKED: &str = "
    select s.repo_full_name,
           s.provider = $3 and coalesce(s.repo_id = $4, lower(s.repo_full_name) = lower($5)) as is_same,
           s.branch
    from app_git_sources s join apps a using (app_id)
    where s.app_id = $1 and a.tenant_id = $2 for update of s";

/// Keeps the secrets that are there. What was learnt about another repository is forgotten.
const PUT: &str = "
    insert into app_git_sources as s (app_id, provider, repo_full_name, clone_url, branch, auto_deploy_enabled,
                                      webhook_secret, signing_token, signing_required, repo_id, watch_paths,
                                      head_at_link)
    select app_id, $2, $3, $4, $5, $6, $7, $8, $9, $11, $12, $13
    from apps where app_id = $1 and tenant_id = $10 and deleted_at is null
    on conflict (app_id) do update set
        provider = excluded.provider,
        repo_full_name = excluded.repo_full_name,
        clone_url = excluded.clone_url,
        branch = excluded.branch,
        auto_deploy_enabled = excluded.auto_deploy_enabled,
        signing_token = case when excluded.provider = 'gitlab'
                             then coalesce(excluded.signing_token, s.signing_token) end,
        signing_required = excluded.signing_required,
        watch_paths = excluded.watch_paths,
        repo_id = case when $14 then coalesce(excluded.repo_id, s.repo_id) else excluded.repo_id end,
        last_deploy_sha = case when $14 then s.last_deploy_sha end,
        head_at_link = case when $15 then coalesce(s.head_at_link, excluded.head_at_link)
                            else excluded.head_at_link end,
        updated_at = now()
    returning s.webhook_secret = $7 as is_new, s.repo_id, s.watch_paths, ";

/// The same on the schema of the version before.
const PUT_BEFORE: &str = "
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
    returning s.webhook_secret = $7 as is_new, ";

const HOOKS_OF_OTHERS_GO: &str = "
    update app_hooks set state = 'removing', problem = null, updated_at = now()
    where app_id = $1 and (provider, repo_full_name) <> ($2, $3) and state <> 'removing'";

const HOOK_IS_RENAMED: &str = "
    update app_hooks h set repo_full_name = $4, updated_at = now()
    where app_id = $1 and provider = $2 and repo_full_name = $3
      and not exists (select from app_hooks o
                      where o.app_id = h.app_id and o.provider = h.provider and o.repo_full_name = $4)";

const HOOK_IS_WANTED: &str = "
    insert into app_hooks as h (app_id, provider, repo_full_name, state) values ($1, $2, $3, 'registering')
    on conflict (app_id, provider, repo_full_name) do update set
        state = case when h.state = 'settled' and not $4 then h.state else 'registering' end,
        problem = null,
        updated_at = now()";

const GET: &str = "
    from app_git_sources s join apps a using (app_id) where s.app_id = $1 and a.tenant_id = $2";

/// The provider still has the secret before: both are valid until it has been told.
const ROTATE: &str = "
    update app_git_sources s set
        previous_webhook_secret = s.webhook_secret,
        previous_valid_until = case when not $4 then now() + make_interval(hours => $5) end,
        webhook_secret = $2,
        updated_at = now()
    from apps a where s.app_id = $1 and a.app_id = s.app_id and a.tenant_id = $3
    returning s.previous_valid_until";

const ROTATE_BEFORE: &str = "
    update app_git_sources s set webhook_secret = $2, updated_at = now()
    from apps a where s.app_id = $1 and a.app_id = s.app_id and a.tenant_id = $3";

const HOOK_IS_TO_BE_TOLD: &str = "
    update app_hooks set state = 'registering', problem = null, updated_at = now()
    where app_id = $1 and state <> 'removing'";

/// Not while the provider may still have it.
const RETIRE: &str = "
    update app_git_sources s set previous_webhook_secret = null, previous_valid_until = null, updated_at = now()
    from apps a
    where s.app_id = $1 and a.app_id = s.app_id and a.tenant_id = $2
      and (s.previous_webhook_secret is null or s.previous_valid_until is not null)";

const SECRETS: &str = "
    select s.webhook_secret, s.previous_valid_until,
           s.previous_webhook_secret is not null and s.previous_valid_until is null as is_unconfirmed
    from app_git_sources s join apps a using (app_id) where s.app_id = $1 and a.tenant_id = $2";

const SECRETS_BEFORE: &str = "
    select s.webhook_secret, null::timestamptz as previous_valid_until, false as is_unconfirmed
    from app_git_sources s join apps a using (app_id) where s.app_id = $1 and a.tenant_id = $2";

const OF_DEPLOY: &str = "
    select a.tenant_id, s.provider, d.repo as repo_full_name, d.clone_url
    from deploys d join apps a using (app_id) left join app_git_sources s using (app_id)
    where d.deploy_id = $1";

/// A source as it is to be.
#[derive(Debug)]
pub(crate) struct NewSource {
    pub(crate) provider: &'static str,
    pub(crate) repo_full_name: String,
    /// The provider's number of the repository, when it was asked.
    pub(crate) repo_id: Option<i64>,
    pub(crate) clone_url: String,
    pub(crate) branch: String,
    /// Where the branch is, when the provider was asked.
    pub(crate) head: Option<String>,
    pub(crate) auto_deploy_enabled: bool,
    pub(crate) watch_paths: Vec<String>,
    /// Sealed; only for a source that has none.
    pub(crate) webhook_secret: Vec<u8>,
    /// Sealed.
    pub(crate) signing_token: Option<Vec<u8>>,
    pub(crate) signing_required: bool,
    /// Whether the webhook at the provider is ours to manage.
    pub(crate) is_managed: bool,
}

/// A source as it is, without its secrets.
#[derive(Debug, Clone)]
pub(crate) struct GitSource {
    pub(crate) provider: String,
    pub(crate) repo_full_name: String,
    pub(crate) repo_id: Option<i64>,
    pub(crate) clone_url: String,
    pub(crate) branch: String,
    pub(crate) auto_deploy_enabled: bool,
    pub(crate) auto_deploy_paused_by: Option<Uuid>,
    pub(crate) watch_paths: Vec<String>,
    pub(crate) signing_required: bool,
    pub(crate) last_deploy_sha: Option<String>,
}

/// What became of a rotation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rotated {
    /// Whether the provider has to be told.
    pub(crate) is_managed: bool,
    /// How long the secret before stays valid; none while the provider has not been told.
    pub(crate) previous_valid_until: Option<Timestamp>,
}

/// The secrets of a source.
#[derive(Debug)]
pub(crate) struct Secrets {
    /// Sealed.
    pub(crate) current: Vec<u8>,
    /// How long the one before stays valid, if there is one that the provider does not use any more.
    pub(crate) previous_valid_until: Option<Timestamp>,
    /// Whether the provider may still use the one before.
    pub(crate) is_unconfirmed: bool,
}

/// Where a deploy's code is.
#[derive(Debug)]
pub(crate) struct CloneSource {
    pub(crate) tenant: Uuid,
    /// None when the app is not linked any more.
    pub(crate) link: Option<CloneLink>,
}

/// The repository, at the provider of its app's link.
#[derive(Debug)]
pub(crate) struct CloneLink {
    pub(crate) provider: String,
    pub(crate) repo_full_name: String,
    pub(crate) clone_url: String,
}

impl Tenancy<'_> {
    /// Sets an app's source, and says whether the given secret became its secret; `None` when there is no such app. What
    /// that means for webhooks is written down with it.
    pub(crate) async fn put_source(
        &self,
        app: Uuid,
        new: &NewSource,
    ) -> Result<Option<(GitSource, bool)>, Error> {
        let put =
            self.transaction(async |client| self.try_put_source(client, app, new).await).await;
        match put {
            Err(error) if error.is_of_older_schema() => self.put_source_before(app, new).await,
            put => put,
        }
    }

    async fn try_put_source(
        &self,
        client: &Transaction<'_>,
        app: Uuid,
        new: &NewSource,
    ) -> Result<Option<(GitSource, bool)>, tokio_postgres::Error> {
        let (provider, repo) = (new.provider, new.repo_full_name.as_str());
        let statement = client.prepare_cached(LINKED).await?;
        let linked = client
            .query_opt(&statement, &[&app, &self.tenant, &provider, &new.repo_id, &repo])
            .await?;
        let is_same = linked.as_ref().map(|row| row.try_get("is_same")).transpose()?;
        let is_same: bool = is_same.unwrap_or(false);
        let branch: Option<&str> = linked.as_ref().map(|row| row.try_get("branch")).transpose()?;
        let keeps_head = is_same && branch == Some(&new.branch);
        let statement = client.prepare_cached(&format!("{PUT}{COLUMNS}")).await?;
        let mut values: Vec<&(dyn ToSql + Sync)> = self.values(&app, new);
        let more: [&(dyn ToSql + Sync); 5] =
            [&new.repo_id, &new.watch_paths, &new.head, &is_same, &keeps_head];
        values.extend(more);
        let Some(row) = client.query_opt(&statement, &values).await? else { return Ok(None) };
        if let Some(linked) = linked.filter(|_| is_same) {
            let known: &str = linked.try_get("repo_full_name")?;
            if known != repo {
                let statement = client.prepare_cached(HOOK_IS_RENAMED).await?;
                client.execute(&statement, &[&app, &provider, &known, &repo]).await?;
            }
        }
        let statement = client.prepare_cached(HOOKS_OF_OTHERS_GO).await?;
        client.execute(&statement, &[&app, &provider, &repo]).await?;
        if new.is_managed {
            let statement = client.prepare_cached(HOOK_IS_WANTED).await?;
            let is_news = new.signing_token.is_some();
            client.execute(&statement, &[&app, &provider, &repo, &is_news]).await?;
        }
        Ok(Some((source(&row)?, row.try_get("is_new")?)))
    }

    async fn put_source_before(
        &self,
        app: Uuid,
        new: &NewSource,
    ) -> Result<Option<(GitSource, bool)>, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(&format!("{PUT_BEFORE}{COLUMNS}")).await?;
            let row = client.query_opt(&statement, &self.values(&app, new)).await?;
            row.map(|row| Ok((source_before(&row)?, row.try_get("is_new")?))).transpose()
        })
        .await
    }

    fn values<'a>(&'a self, app: &'a Uuid, new: &'a NewSource) -> Vec<&'a (dyn ToSql + Sync)> {
        vec![
            app,
            &new.provider,
            &new.repo_full_name,
            &new.clone_url,
            &new.branch,
            &new.auto_deploy_enabled,
            &new.webhook_secret,
            &new.signing_token,
            &new.signing_required,
            &self.tenant,
        ]
    }

    /// An app's source.
    pub(crate) async fn source(&self, app: Uuid) -> Result<Option<GitSource>, Error> {
        let found = self
            .transaction(async |client| {
                let get = format!("select s.repo_id, s.watch_paths, {COLUMNS} {GET}");
                let statement = client.prepare_cached(&get).await?;
                let row = client.query_opt(&statement, &[&app, &self.tenant]).await?;
                row.as_ref().map(source).transpose()
            })
            .await;
        match found {
            Err(error) if error.is_of_older_schema() => self.source_before(app).await,
            found => found,
        }
    }

    async fn source_before(&self, app: Uuid) -> Result<Option<GitSource>, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(&format!("select {COLUMNS} {GET}")).await?;
            let row = client.query_opt(&statement, &[&app, &self.tenant]).await?;
            row.as_ref().map(source_before).transpose()
        })
        .await
    }

    /// Ends an app's link; whether there was one.
    pub(crate) async fn delete_source(&self, app: Uuid) -> Result<bool, Error> {
        self.transaction(async |client| {
            let delete = "delete from app_git_sources s using apps a \
                          where s.app_id = $1 and a.app_id = s.app_id and a.tenant_id = $2";
            let statement = client.prepare_cached(delete).await?;
            Ok(client.execute(&statement, &[&app, &self.tenant]).await? == 1)
        })
        .await
    }

    /// Makes the sealed secret the current one, and the one that was the one before; `None` when the app has no source.
    pub(crate) async fn rotate_secret(
        &self,
        app: Uuid,
        sealed: &[u8],
        overlap_hours: u32,
    ) -> Result<Option<Rotated>, Error> {
        let hours = i32::try_from(overlap_hours).unwrap_or(i32::MAX);
        let rotated = self
            .transaction(async |client| {
                let statement = client.prepare_cached(HOOK_IS_TO_BE_TOLD).await?;
                let is_managed = client.execute(&statement, &[&app]).await? > 0;
                let statement = client.prepare_cached(ROTATE).await?;
                let row = client
                    .query_opt(&statement, &[&app, &sealed, &self.tenant, &is_managed, &hours])
                    .await?;
                let rotated =
                    |row: Row| Ok(Rotated { is_managed, previous_valid_until: row.try_get(0)? });
                row.map(rotated).transpose()
            })
            .await;
        match rotated {
            Err(error) if error.is_of_older_schema() => {
                let put = self.put_secret_before(app, sealed).await?;
                let rotated = Rotated { is_managed: false, previous_valid_until: None };
                Ok(put.then_some(rotated))
            }
            rotated => rotated,
        }
    }

    async fn put_secret_before(&self, app: Uuid, sealed: &[u8]) -> Result<bool, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(ROTATE_BEFORE).await?;
            Ok(client.execute(&statement, &[&app, &sealed, &self.tenant]).await? == 1)
        })
        .await
    }

    /// Ends the validity of the secret before the current one; false when the provider may still use it.
    pub(crate) async fn retire_previous_secret(&self, app: Uuid) -> Result<bool, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(RETIRE).await?;
            Ok(client.execute(&statement, &[&app, &self.tenant]).await? == 1)
        })
        .await
    }

    /// The secrets of an app's source; `None` when it has none.
    pub(crate) async fn secrets(&self, app: Uuid) -> Result<Option<Secrets>, Error> {
        match self.secrets_by(SECRETS, app).await {
            Err(error) if error.is_of_older_schema() => self.secrets_by(SECRETS_BEFORE, app).await,
            found => found,
        }
    }

    async fn secrets_by(&self, query: &str, app: Uuid) -> Result<Option<Secrets>, Error> {
        self.transaction(async |client| {
            let statement = client.prepare_cached(query).await?;
            let row = client.query_opt(&statement, &[&app, &self.tenant]).await?;
            row.as_ref().map(secrets).transpose()
        })
        .await
    }
}

impl Store {
    /// Where a deploy's code is; `None` when there is no such deploy.
    pub(crate) async fn clone_source(&self, deploy: Uuid) -> Result<Option<CloneSource>, Error> {
        self.with_client(async |client| {
            let statement = client.prepare_cached(OF_DEPLOY).await?;
            let row = client.query_opt(&statement, &[&deploy]).await?;
            row.as_ref().map(clone_source).transpose()
        })
        .await
    }
}

fn source(row: &Row) -> Result<GitSource, tokio_postgres::Error> {
    let (repo_id, watch_paths) = (row.try_get("repo_id")?, row.try_get("watch_paths")?);
    Ok(GitSource { repo_id, watch_paths, ..source_before(row)? })
}

fn source_before(row: &Row) -> Result<GitSource, tokio_postgres::Error> {
    Ok(GitSource {
        provider: row.try_get("provider")?,
        repo_full_name: row.try_get("repo_full_name")?,
        repo_id: None,
        clone_url: row.try_get("clone_url")?,
        branch: row.try_get("branch")?,
        auto_deploy_enabled: row.try_get("auto_deploy_enabled")?,
        auto_deploy_paused_by: row.try_get("auto_deploy_paused_by")?,
        watch_paths: Vec::new(),
        signing_required: row.try_get("signing_required")?,
        last_deploy_sha: row.try_get("last_deploy_sha")?,
    })
}

fn secrets(row: &Row) -> Result<Secrets, tokio_postgres::Error> {
    Ok(Secrets {
        current: row.try_get("webhook_secret")?,
        previous_valid_until: row.try_get("previous_valid_until")?,
        is_unconfirmed: row.try_get("is_unconfirmed")?,
    })
}

fn clone_source(row: &Row) -> Result<CloneSource, tokio_postgres::Error> {
    let tenant = row.try_get("tenant_id")?;
    let Some(provider) = row.try_get("provider")? else {
        return Ok(CloneSource { tenant, link: None });
    };
    let (repo_full_name, clone_url) = (row.try_get("repo_full_name")?, row.try_get("clone_url")?);
    Ok(CloneSource { tenant, link: Some(CloneLink { provider, repo_full_name, clone_url }) })
}

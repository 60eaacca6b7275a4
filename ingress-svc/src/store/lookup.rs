//! The one read of a delivery: the app's source row, whether anything is underway, and what became of this push before;
//! and the secrets alone, for many apps at once.

use std::{collections::HashMap, sync::LazyLock};

use deadpool_postgres::Client;
use paas_proto::{events::Place, ids::Identity};
use tokio_postgres::{Row, Statement, error::SqlState};
use uuid::Uuid;

use super::{Error, Store};

/// What came with rotation and filters, of the row `s`. A previous secret counts until its time is up.
const PREVIOUS: &str =
    "case when coalesce(s.previous_valid_until > now(), true) then s.previous_webhook_secret end";
const WATCHED: &str = "s.watch_paths";
/// The same on the schema before.
const NO_PREVIOUS: &str = "null::bytea";
const NONE_WATCHED: &str = "array[]::text[]";

/// The third parameter is null when a push's identity is not known yet.
fn source_sql(previous: &str, watch_paths: &str) -> String {
    format!(
        "select s.repo_full_name, s.repo_id, s.clone_url, s.branch,
                s.auto_deploy_enabled and s.auto_deploy_paused_by is null as auto_deploy,
                s.webhook_secret, s.signing_token, s.signing_required, s.last_deploy_sha,
                {previous} as previous_webhook_secret, {watch_paths} as watch_paths,
                exists (select from deploys d
                        where d.app_id = s.app_id
                          and d.state in ('requested', 'building', 'built', 'rolling_out', 'rolling_back')) as underway,
                p.attempt, p.failed, p.place_epoch, p.place
         from app_git_sources s
         left join lateral (
             select latest.attempt, first.place_epoch, first.place,
                    latest.state in ('failed', 'cancelled')
                        or latest.state = 'duplicate' and coalesce(other.state in ('failed', 'cancelled'), false)
                        as failed
             from deploys latest
             join deploys first
                  on first.app_id = latest.app_id and first.identity = latest.identity and first.attempt = 0
             left join deploys other on other.deploy_id = latest.other_id
             where latest.app_id = s.app_id and latest.identity = $3
             order by latest.attempt desc
             limit 1) p on true
         where s.app_id = $1 and s.provider = $2"
    )
}

fn credentials_sql(previous: &str) -> String {
    format!(
        "select app_id, provider, webhook_secret, signing_token, signing_required,
                {previous} as previous_webhook_secret
         from app_git_sources s
         where app_id = any ($1)"
    )
}

/// Each query as it is, and as it is on the schema before.
static SOURCE: LazyLock<[String; 2]> =
    LazyLock::new(|| [source_sql(PREVIOUS, WATCHED), source_sql(NO_PREVIOUS, NONE_WATCHED)]);
static CREDENTIALS: LazyLock<[String; 2]> =
    LazyLock::new(|| [credentials_sql(PREVIOUS), credentials_sql(NO_PREVIOUS)]);

const LEARN_REPO_ID: &str = "
    update app_git_sources set repo_id = $3, updated_at = now()
    where app_id = $1 and repo_id is null and lower(repo_full_name) = lower($2)";

/// What an app follows, as it stood when the delivery came.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub(crate) repo_full_name: String,
    pub(crate) repo_id: Option<i64>,
    pub(crate) clone_url: String,
    pub(crate) branch: String,
    /// Enabled, and not paused by a rollback.
    pub(crate) auto_deploy: bool,
    pub(crate) last_deploy_sha: Option<String>,
    /// Globs; none: every push counts.
    pub(crate) watch_paths: Vec<String>,
    /// Whether any deploy of the app has not ended.
    pub(crate) underway: bool,
    pub(crate) credentials: Credentials,
    /// The same push, when it was taken in before.
    pub(crate) earlier: Option<Earlier>,
}

/// What an app's deliveries are held against.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    /// Sealed.
    pub(crate) webhook_secret: Vec<u8>,
    /// Sealed.
    pub(crate) signing_token: Option<Vec<u8>>,
    pub(crate) signing_required: bool,
    /// Sealed; the secret before, as long as it is valid.
    pub(crate) previous_webhook_secret: Option<Vec<u8>>,
}

/// The latest attempt at a push that was taken in before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Earlier {
    /// Its number.
    pub(crate) attempt: u32,
    /// Whether it failed or was cancelled, so that a redelivery is a person asking again.
    pub(crate) failed: bool,
    /// Where the first attempt stands in the order.
    pub(crate) place: Option<Place>,
}

impl Store {
    /// An app's source of this provider, and what became of the push if its identity is known.
    pub(crate) async fn source_of_delivery(
        &self,
        app: Uuid,
        provider: &str,
        identity: Option<&Identity>,
    ) -> Result<Option<Source>, Error> {
        let identity = identity.map(Identity::as_str);
        self.with_client(async |client| {
            let statement = prepare(client, &SOURCE).await?;
            let row = client.query_opt(&statement, &[&app, &provider, &identity]).await?;
            row.as_ref().map(source).transpose()
        })
        .await
    }

    /// The credentials of these apps' sources, by app and provider.
    pub(crate) async fn credentials_of(
        &self,
        apps: Vec<Uuid>,
    ) -> Result<HashMap<(Uuid, String), Credentials>, Error> {
        self.with_client(async |client| {
            let statement = prepare(client, &CREDENTIALS).await?;
            let rows = client.query(&statement, &[&apps]).await?;
            let entry = |row: &Row| {
                Ok(((row.try_get("app_id")?, row.try_get("provider")?), credentials(row)?))
            };
            rows.iter().map(entry).collect()
        })
        .await
    }

    /// Keeps the provider's id of the linked repository, unless one is known.
    pub(crate) async fn learn_repo_id(&self, app: Uuid, repo: &str, id: i64) -> Result<(), Error> {
        self.with_client(async |client| {
            let statement = client.prepare_cached(LEARN_REPO_ID).await?;
            client.execute(&statement, &[&app, &repo, &id]).await.map(drop)
        })
        .await
    }

    /// The app of a deploy.
    pub(crate) async fn app_of_deploy(&self, deploy: Uuid) -> Result<Option<Uuid>, Error> {
        self.with_client(async |client| {
            let statement =
                client.prepare_cached("select app_id from deploys where deploy_id = $1").await?;
            let row = client.query_opt(&statement, &[&deploy]).await?;
            row.map(|row| row.try_get("app_id")).transpose()
        })
        .await
    }
}

/// On the schema before, which a rolling upgrade meets for a while, every query is tried in vain first.
async fn prepare(
    client: &Client,
    [now, before]: &[String; 2],
) -> Result<Statement, tokio_postgres::Error> {
    match client.prepare_cached(now).await {
        Err(error) if error.code() == Some(&SqlState::UNDEFINED_COLUMN) => {
            client.prepare_cached(before).await
        }
        prepared => prepared,
    }
}

#[cfg(test)]
impl Source {
    /// A link of `main` of `acme/shop`, whose id is not known yet.
    pub(crate) fn example() -> Self {
        Self {
            repo_full_name: "acme/shop".to_owned(),
            repo_id: None,
            clone_url: String::new(),
            branch: "main".to_owned(),
            auto_deploy: true,
            last_deploy_sha: None,
            watch_paths: Vec::new(),
            underway: false,
            credentials: Credentials {
                webhook_secret: Vec::new(),
                signing_token: None,
                signing_required: false,
                previous_webhook_secret: None,
            },
            earlier: None,
        }
    }
}

fn source(row: &Row) -> Result<Source, tokio_postgres::Error> {
    Ok(Source {
        repo_full_name: row.try_get("repo_full_name")?,
        repo_id: row.try_get("repo_id")?,
        clone_url: row.try_get("clone_url")?,
        branch: row.try_get("branch")?,
        auto_deploy: row.try_get("auto_deploy")?,
        last_deploy_sha: row.try_get("last_deploy_sha")?,
        watch_paths: row.try_get("watch_paths")?,
        underway: row.try_get("underway")?,
        credentials: credentials(row)?,
        earlier: earlier(row)?,
    })
}

fn credentials(row: &Row) -> Result<Credentials, tokio_postgres::Error> {
    Ok(Credentials {
        webhook_secret: row.try_get("webhook_secret")?,
        signing_token: row.try_get("signing_token")?,
        signing_required: row.try_get("signing_required")?,
        previous_webhook_secret: row.try_get("previous_webhook_secret")?,
    })
}

fn earlier(row: &Row) -> Result<Option<Earlier>, tokio_postgres::Error> {
    let Some(attempt) = row.try_get::<_, Option<i32>>("attempt")? else { return Ok(None) };
    let epoch = row.try_get::<_, Option<i64>>("place_epoch")?.and_then(|n| u64::try_from(n).ok());
    let sequence = row.try_get::<_, Option<i64>>("place")?.and_then(|n| u64::try_from(n).ok());
    Ok(Some(Earlier {
        attempt: u32::try_from(attempt).unwrap_or_default(),
        failed: row.try_get("failed")?,
        place: epoch.zip(sequence).map(|(epoch, sequence)| Place { epoch, sequence }),
    }))
}

//! What people read of deploys.

use std::{fmt, str::FromStr};

use deploy_domain::DeployId;
use jiff::Timestamp;
use paas_proto::deploys::DeployState;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{
    App, Error, Store,
    connection::within,
    lease::read_app,
    sql::{row, rows},
};

/// A deploy as people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploySummary {
    /// Its id.
    pub id: Uuid,
    /// Whose.
    pub app: Uuid,
    /// `owner/name`.
    pub repo: String,
    /// Without `refs/heads/`.
    pub branch: String,
    /// The commit.
    pub sha: String,
    /// The tag of what asked for it.
    pub source: String,
    /// How far it is.
    pub state: DeployState,
    /// Why it ended so.
    pub reason: Option<String>,
    /// The deploy that it repeats, or that took its place.
    pub other: Option<Uuid>,
    /// By digest, once it is built.
    pub image: Option<String>,
    /// The fence of its last write to the cluster.
    pub generation: Option<i64>,
    /// The provider's delivery header.
    pub delivery_id: String,
    /// When it was recorded.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// What happened, oldest first; left empty in lists.
    pub events: Vec<EventSummary>,
}

/// One event of a deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventSummary {
    /// Its place in the app's line.
    pub version: i64,
    /// Its name.
    pub name: String,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// What the runner needs of a deploy beyond the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeployInputs {
    /// What to clone.
    pub clone_url: String,
    /// The commit.
    pub sha: String,
    /// The trace that it began in.
    pub traceparent: Option<String>,
}

/// Where the next page of a list of deploys begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageToken {
    created_at: Timestamp,
    id: Uuid,
}

/// A text that no list of deploys ever gave out as a token.
#[derive(Debug, thiserror::Error)]
#[error("not a page token of a list of deploys")]
pub struct InvalidPageToken;

impl fmt::Display for PageToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.created_at.as_microsecond(), self.id.simple())
    }
}

impl FromStr for PageToken {
    type Err = InvalidPageToken;

    fn from_str(text: &str) -> Result<Self, InvalidPageToken> {
        let (micros, id) = text.split_once('-').ok_or(InvalidPageToken)?;
        let micros = i64::from_str_radix(micros, 16).map_err(|_| InvalidPageToken)?;
        let created_at = Timestamp::from_microsecond(micros).map_err(|_| InvalidPageToken)?;
        let id = Uuid::try_parse(id).map_err(|_| InvalidPageToken)?;
        Ok(Self { created_at, id })
    }
}

impl Store {
    /// An app.
    pub async fn app(&self, id: Uuid) -> Result<Option<App>, Error> {
        const APP: &str = "select app_id, name, tenant_id from apps where app_id = $1";
        within(async {
            let client = self.client().await?;
            row(&client, APP, &[&id]).await?.as_ref().map(read_app).transpose()
        })
        .await
    }

    /// A deploy with its events.
    pub async fn deploy(&self, id: Uuid) -> Result<Option<DeploySummary>, Error> {
        const DEPLOY: &str = "select * from deploys where deploy_id = $1";
        const EVENTS: &str = "select version, type, recorded_at from line_events where deploy_id = $1 order by version";
        within(async {
            let client = self.client().await?;
            let Some(found) = row(&client, DEPLOY, &[&id]).await? else { return Ok(None) };
            let events = rows(&client, EVENTS, &[&id]).await?;
            let events = events.iter().map(read_event).collect::<Result<_, _>>()?;
            Ok(Some(DeploySummary { events, ..read_deploy(&found)? }))
        })
        .await
    }

    /// An app's deploys, newest first, and where the next page begins if there is one.
    pub async fn deploys(
        &self,
        app: Uuid,
        page_size: u32,
        after: Option<&PageToken>,
    ) -> Result<(Vec<DeploySummary>, Option<PageToken>), Error> {
        const PAGE: &str = "select * from deploys where app_id = $1 \
                 and ($2::timestamptz is null or created_at < $2 or created_at = $2 and deploy_id > $3) \
             order by created_at desc, deploy_id limit $4";
        let (time, id) = after.map(|token| (token.created_at, token.id)).unzip();
        within(async {
            let client = self.client().await?;
            let found = rows(&client, PAGE, &[&app, &time, &id, &i64::from(page_size)]).await?;
            let page = found.iter().map(read_deploy).collect::<Result<Vec<_>, _>>()?;
            let full = u32::try_from(page.len()).is_ok_and(|found| found == page_size);
            let last = page.last().filter(|_| full);
            let next =
                last.map(|deploy| PageToken { created_at: deploy.created_at, id: deploy.id });
            Ok((page, next))
        })
        .await
    }

    /// What the runner needs to know of a deploy.
    pub async fn deploy_inputs(&self, deploy: DeployId) -> Result<Option<DeployInputs>, Error> {
        const INPUTS: &str = "select clone_url, sha, traceparent from deploys where deploy_id = $1";
        within(async {
            let client = self.client().await?;
            let Some(found) = row(&client, INPUTS, &[&deploy.0]).await? else { return Ok(None) };
            Ok(Some(DeployInputs {
                clone_url: found.try_get("clone_url")?,
                sha: found.try_get("sha")?,
                traceparent: found.try_get("traceparent")?,
            }))
        })
        .await
    }
}

fn read_deploy(row: &Row) -> Result<DeploySummary, Error> {
    let state: &str = row.try_get("state")?;
    Ok(DeploySummary {
        id: row.try_get("deploy_id")?,
        app: row.try_get("app_id")?,
        repo: row.try_get("repo")?,
        branch: row.try_get("branch")?,
        sha: row.try_get("sha")?,
        source: row.try_get("source")?,
        state: DeployState::from_name(state)
            .ok_or_else(|| Error::permanent(format!("`{state}` is no state of a deploy")))?,
        reason: row.try_get("reason")?,
        other: row.try_get("other_id")?,
        image: row.try_get("image")?,
        generation: row.try_get("generation")?,
        delivery_id: row.try_get("delivery_id")?,
        created_at: row.try_get("created_at")?,
        updated_at: row.try_get("updated_at")?,
        events: Vec::new(),
    })
}

fn read_event(row: &Row) -> Result<EventSummary, Error> {
    Ok(EventSummary {
        version: row.try_get("version")?,
        name: row.try_get("type")?,
        recorded_at: row.try_get("recorded_at")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_survives_the_way_to_a_client_and_back() {
        let created_at = Timestamp::from_microsecond(1_790_000_000_123_456).unwrap();
        let token = PageToken { created_at, id: Uuid::from_u128(7) };
        assert_eq!(token.to_string().parse::<PageToken>().unwrap(), token);
    }

    #[test]
    fn what_was_never_a_page_token_is_refused() {
        for text in
            ["", "-", "12", "x-y", "12-", "ffffffffffffffff-00000000000000000000000000000007"]
        {
            assert!(text.parse::<PageToken>().is_err(), "{text}");
        }
    }
}

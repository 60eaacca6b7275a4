//! What people read of deploys.

use std::{fmt, str::FromStr};

use deploy_domain::DeployId;
use jiff::Timestamp;
use paas_proto::deploys::DeployState;
use uuid::Uuid;

use super::{App, Error, Store};

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
    /// When the last event of the deploy was recorded.
    pub stage_since: Timestamp,
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
        let _ = id;
        Err(Error::permanent("being written"))
    }

    /// A deploy with its events.
    pub async fn deploy(&self, id: Uuid) -> Result<Option<DeploySummary>, Error> {
        let _ = id;
        Err(Error::permanent("being written"))
    }

    /// An app's deploys, newest first, and where the next page begins if there is one.
    pub async fn deploys(
        &self,
        app: Uuid,
        page_size: u32,
        after: Option<&PageToken>,
    ) -> Result<(Vec<DeploySummary>, Option<PageToken>), Error> {
        let _ = (app, page_size, after);
        Err(Error::permanent("being written"))
    }

    /// What the runner needs to know of a deploy.
    pub async fn deploy_inputs(&self, deploy: DeployId) -> Result<Option<DeployInputs>, Error> {
        let _ = deploy;
        Err(Error::permanent("being written"))
    }
}

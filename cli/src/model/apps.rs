//! Apps.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Source, list::list};

/// An app.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct App {
    pub(crate) id: Uuid,
    pub(crate) name: String,
    /// Where it is served once it is live.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) created_at: Option<Timestamp>,
}

/// An app with the repository that it follows.
#[derive(Debug, Serialize)]
pub(crate) struct AppDetails {
    #[serde(flatten)]
    pub(crate) app: App,
    /// None until it is linked.
    pub(crate) git_source: Option<Source>,
}

/// An app to be made.
#[derive(Debug, Serialize)]
pub(crate) struct NewApp<'a> {
    pub(crate) name: &'a str,
}

list! {
    /// The apps of a tenant.
    Apps { apps: App }
}

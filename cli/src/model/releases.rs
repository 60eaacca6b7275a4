//! Releases: what went live, each with its number.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::list::list;

/// A release.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Release {
    /// For instance `v3`.
    #[serde(rename = "release")]
    pub(crate) name: String,
    pub(crate) number: u64,
    pub(crate) deploy_id: Uuid,
    pub(crate) sha: String,
    pub(crate) image: String,
    pub(crate) released_at: Option<Timestamp>,
    pub(crate) source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) requested_by: Option<String>,
    pub(crate) is_live: bool,
    /// Whether it can be gone back to.
    pub(crate) is_available: bool,
}

/// Which release to go back to; without one, the one before the live one.
#[derive(Debug, Serialize)]
pub(crate) struct RollBack<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) release: Option<&'a str>,
}

list! {
    /// Releases, newest first.
    Releases { releases: Release }
}

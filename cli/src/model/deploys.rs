//! Deploys.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::list::list;

/// A deploy and what happened to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Deploy {
    #[serde(rename = "deploy_id")]
    pub(crate) id: Uuid,
    pub(crate) app_id: Uuid,
    pub(crate) repo: String,
    pub(crate) branch: String,
    pub(crate) sha: String,
    pub(crate) source: String,
    pub(crate) state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<String>,
    pub(crate) created_at: Option<Timestamp>,
    pub(crate) updated_at: Option<Timestamp>,
    pub(crate) events: Vec<Event>,
}

/// Something that happened to a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Event {
    pub(crate) version: u64,
    #[serde(rename = "type")]
    pub(crate) name: String,
    pub(crate) at: Option<Timestamp>,
}

/// Stage of a deploy's life; a newer platform may know more of them than we do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct State(pub(crate) String);

impl State {
    /// Whether the deploy will never change again.
    pub(crate) fn has_ended(&self) -> bool {
        self.is_live() || self.is_bad() || self.is_beside_the_point()
    }

    pub(crate) fn is_live(&self) -> bool {
        self.0 == "live"
    }

    pub(crate) fn is_bad(&self) -> bool {
        self.0 == "failed"
    }

    /// Another deploy goes on in its place.
    pub(crate) fn is_replaced(&self) -> bool {
        ["superseded", "duplicate"].contains(&self.0.as_str())
    }

    /// It ended, but through no fault of its own.
    pub(crate) fn is_beside_the_point(&self) -> bool {
        self.is_replaced() || self.0 == "cancelled"
    }
}

/// The deploy that a command made, or was about.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Commanded {
    pub(crate) deploy_id: Uuid,
}

list! {
    /// Deploys, newest first.
    Deploys { deploys: Deploy }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_final_states_have_ended() {
        for ended in ["live", "failed", "superseded", "cancelled", "duplicate"] {
            assert!(State(ended.to_owned()).has_ended(), "{ended}");
        }
        for underway in ["requested", "building", "built", "rolling_out", "rolling_back", "new"] {
            assert!(!State(underway.to_owned()).has_ended(), "{underway}");
        }
    }
}

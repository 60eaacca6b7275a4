//! Replays: what is asked for, and what becomes of each push.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Which pushes to replay: those to which all of it applies.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ReplayOrder {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) app_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) from_sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to_sequence: Option<u64>,
    pub(crate) dry_run: bool,
}

/// A line of a replay.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum ReplayLine {
    Summary { summary: Summary },
    Broken { error: String },
    Push(Box<Replayed>),
}

/// What became of a push, or would.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Replayed {
    pub(crate) sequence: u64,
    pub(crate) published_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deploy_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sha: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) branch: Option<String>,
    pub(crate) outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// What a replay came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) dry_run: bool,
    pub(crate) examined: u64,
    pub(crate) already_recorded: u64,
    pub(crate) would_take_in: u64,
    pub(crate) taken_in: u64,
    pub(crate) dead_lettered: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_of_a_replay_is_known_for_what_it_is() {
        let line = |text: &str| serde_json::from_str::<ReplayLine>(text).unwrap();
        let push = r#"{"sequence":1,"published_at":null,"outcome":"taken_in"}"#;
        assert!(matches!(line(push), ReplayLine::Push(push) if push.sequence == 1));
        assert!(matches!(line(r#"{"error":"no"}"#), ReplayLine::Broken { .. }));
        let summary = r#"{"summary":{"dry_run":true,"examined":1,"already_recorded":1,"would_take_in":0,
                          "taken_in":0,"dead_lettered":0}}"#;
        assert!(matches!(line(summary), ReplayLine::Summary { .. }));
    }
}

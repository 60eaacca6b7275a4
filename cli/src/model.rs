//! The words of the platform's API, and of our own JSON: programs read these shapes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

/// The apps of the platform.
#[derive(Debug, Deserialize)]
pub(crate) struct Apps {
    pub(crate) apps: Vec<App>,
}

/// An app.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct App {
    pub(crate) id: Uuid,
    pub(crate) name: String,
}

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

    /// It ended, but through no fault of its own.
    pub(crate) fn is_beside_the_point(&self) -> bool {
        ["superseded", "cancelled", "duplicate"].contains(&self.0.as_str())
    }
}

/// Deploys, newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Deploys {
    pub(crate) deploys: Vec<Deploy>,
    #[serde(default, skip_serializing)]
    pub(crate) next_page_token: Option<String>,
}

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

/// A message that could not be taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeadLetter {
    pub(crate) id: u64,
    pub(crate) stream: String,
    pub(crate) sequence: u64,
    pub(crate) subject: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) app_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message_id: Option<String>,
    pub(crate) deliveries: u64,
    pub(crate) reason: String,
    pub(crate) recorded_at: Option<Timestamp>,
    pub(crate) state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settled_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) settled_at: Option<Timestamp>,
}

/// The same with its content.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OpenedLetter {
    #[serde(flatten)]
    pub(crate) letter: DeadLetter,
    /// As far as it can be read.
    pub(crate) decoded: Option<Value>,
    /// As it was published, the beginning at least.
    pub(crate) raw_base64: String,
    /// How many bytes the whole message has.
    pub(crate) raw_size: Option<u64>,
}

/// Dead letters, newest first.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct DeadLetters {
    pub(crate) dead_letters: Vec<DeadLetter>,
    #[serde(default, skip_serializing)]
    pub(crate) next_page_token: Option<String>,
}

/// What became of a message that was tried again.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Retried {
    /// Absent when it is word of a build.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deploy_id: Option<String>,
    pub(crate) outcome: String,
}

/// What became of a message that nobody needs.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Discarded {
    pub(crate) state: String,
}

/// Why the platform did not do it.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) error: String,
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

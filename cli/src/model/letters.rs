//! Messages that could not be taken in.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::list::list;

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

list! {
    /// Dead letters, newest first.
    DeadLetters { dead_letters: DeadLetter }
}

//! The record of who changed what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::list::list;

/// A change, or an attempt at one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AuditEntry {
    /// A number or a name: we only pass it on.
    pub(crate) id: Value,
    pub(crate) at: Option<Timestamp>,
    pub(crate) actor: String,
    pub(crate) action: String,
    pub(crate) target: Option<String>,
    pub(crate) client: Option<String>,
    /// With which status it ended; none while it is underway, or when it was broken off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
}

list! {
    /// Changes, newest first.
    AuditEntries { entries: AuditEntry }
}

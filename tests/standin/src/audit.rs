//! The audit log: one JSON line for each write of a client that was accepted.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A write of a client. Controllers' own writes are not in the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When, RFC 3339.
    pub at: String,
    /// `create`, `patch`, `apply`, `update` or `delete`.
    pub verb: String,
    /// The object's kind, for instance `PipelineRun`.
    pub kind: String,
    /// The object's namespace; empty for a namespace itself.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The resourceVersion that the write gave the object.
    pub resource_version: String,
    /// The request's body.
    pub body: Value,
}

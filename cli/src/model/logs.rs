//! Lines of an app's log.

use clap::ValueEnum;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A line of the log: something that happened to a deploy, or that a build or the app wrote.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LogLine {
    pub(crate) at: Option<Timestamp>,
    /// `deploy`, `build` or `app`; a newer platform may know of more.
    pub(crate) source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deploy_id: Option<String>,
    /// Where it was written: a step of the build, a pod of the app.
    #[serde(default)]
    pub(crate) origin: String,
    pub(crate) text: String,
}

/// Where lines come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogSource {
    /// What happens to deploys.
    Deploy,
    /// What builds write.
    Build,
    /// What the running app writes.
    App,
}

impl LogSource {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Deploy => "deploy",
            Self::Build => "build",
            Self::App => "app",
        }
    }
}

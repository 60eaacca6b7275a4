//! The audit log of the cluster stand-in: every write that a client made.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

/// One write.
#[derive(Debug, Clone, Deserialize)]
pub struct Write {
    /// When.
    pub at: jiff::Timestamp,
    /// `create`, `apply`, `patch`, `update` or `delete`.
    pub verb: String,
    /// The object's kind.
    pub kind: String,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// The version that it gave the object.
    pub resource_version: String,
    /// What was sent.
    pub body: Value,
}

impl Write {
    /// Whether it created a PipelineRun.
    #[must_use]
    pub fn starts_a_build(&self) -> bool {
        self.kind == "PipelineRun" && self.verb == "create"
    }

    /// The deploy that the object is labelled or annotated with.
    #[must_use]
    pub fn deploy_id(&self) -> Option<Uuid> {
        let metadata = self.body.get("metadata")?;
        ["labels", "annotations"].iter().find_map(|marks| {
            Uuid::try_parse(metadata.get(marks)?.get("paas.dev/deploy-id")?.as_str()?).ok()
        })
    }

    /// The fence that a write of a Deployment carries.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        let annotations = self.body.get("metadata")?.get("annotations")?;
        annotations.get("paas.dev/generation")?.as_str()?.parse().ok()
    }

    /// The image that a write of a Deployment sets.
    #[must_use]
    pub fn image(&self) -> Option<&str> {
        self.body.pointer("/spec/template/spec/containers/0/image")?.as_str()
    }
}

/// All writes so far. A last line that is being written is left for the next time.
pub fn read(path: &Path) -> Result<Vec<Write>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    whole.lines().map(|line| serde_json::from_str(line).context("an audit line")).collect()
}

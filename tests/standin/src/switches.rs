//! The switches that make the cluster misbehave, as `/standin/switches` shows and takes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// All switches; the default is a cluster where everything works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// How builds and rollouts go.
    pub all: Course,
    /// The same for one app, by its name; what it leaves open, `all` says.
    pub apps: BTreeMap<String, Course>,
    /// The same for one commit, by its SHA; stronger than the app's.
    pub commits: BTreeMap<String, Course>,
    /// Rollouts of images whose reference holds one of these texts fail.
    pub fail_images: Vec<String>,
    /// Whether a run that ends calls back.
    pub callbacks: bool,
    /// Whether CloudEvents go to the sink.
    pub cloud_events: bool,
    /// How long every answer of the API waits.
    pub slow_ms: u64,
    /// The next requests get an error instead of an answer.
    pub fail_next: FailNext,
    /// What RBAC refuses.
    pub refuse: Vec<Refusal>,
    /// API groups that nobody installed, for instance `tekton.dev`.
    pub absent: Vec<String>,
    /// What containers write, and how it is read.
    pub logs: Logs,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            all: Course::default(),
            apps: BTreeMap::new(),
            commits: BTreeMap::new(),
            fail_images: Vec::new(),
            callbacks: true,
            cloud_events: true,
            slow_ms: 0,
            fail_next: FailNext::default(),
            refuse: Vec::new(),
            absent: Vec::new(),
            logs: Logs::default(),
        }
    }
}

/// How builds and rollouts go; what is absent is as usual.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Course {
    /// How a build ends.
    pub build: Option<Outcome>,
    /// How long a build takes.
    pub build_ms: Option<u64>,
    /// A build succeeds without a digest among its results.
    pub missing_digest: Option<bool>,
    /// How a rollout ends.
    pub rollout: Option<Outcome>,
}

/// What containers write beyond their first and last lines, and how that is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Logs {
    /// So many lines at once, when a container begins.
    pub lines: u64,
    /// So many lines a second for as long as it runs.
    pub per_second: u32,
    /// How long a container waits before it begins.
    pub start_ms: u64,
    /// Every stream breaks in the middle of the line behind so many.
    pub break_after: Option<u64>,
    /// No kubelet is there to ask.
    pub unreachable: bool,
}

/// How a build or a rollout ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// As it should.
    Succeed,
    /// With a failure.
    Fail,
    /// Not before its timeout.
    Hang,
}

/// A number of requests that are to fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FailNext {
    /// How many are left.
    pub count: u64,
    /// The status they get.
    pub status: u16,
}

impl Default for FailNext {
    fn default() -> Self {
        Self { count: 0, status: 503 }
    }
}

/// A verb that RBAC refuses on a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refusal {
    /// `get`, `list`, `watch`, `create`, `patch`, `update`, `delete`, or `*`.
    pub verb: String,
    /// The resource's plural, for instance `deployments`, or `*`.
    pub resource: String,
    /// Only in this namespace; everywhere when absent.
    #[serde(default)]
    pub namespace: Option<String>,
}

impl Switches {
    /// The course for an app and a commit.
    pub(crate) fn course(&self, app: &str, commit: &str) -> Course {
        let layers = [self.commits.get(commit), self.apps.get(app), Some(&self.all)];
        layers.into_iter().flatten().fold(Course::default(), |course, layer| Course {
            build: course.build.or(layer.build),
            build_ms: course.build_ms.or(layer.build_ms),
            missing_digest: course.missing_digest.or(layer.missing_digest),
            rollout: course.rollout.or(layer.rollout),
        })
    }

    /// Whether a path leads into an API group that nobody installed.
    pub(crate) fn is_absent(&self, segments: &[&str]) -> bool {
        matches!(segments, ["apis", group, ..] if self.absent.iter().any(|absent| absent == group))
    }

    /// Whether RBAC refuses this.
    pub(crate) fn refuses(&self, verb: &str, plural: &str, namespace: &str) -> bool {
        self.refuse.iter().any(|refusal| {
            let is = |text: &str, wanted: &str| text == "*" || text == wanted;
            is(&refusal.verb, verb)
                && is(&refusal.resource, plural)
                && refusal.namespace.as_deref().is_none_or(|only| only == namespace)
        })
    }
}

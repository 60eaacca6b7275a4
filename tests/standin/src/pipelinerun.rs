//! Tekton's controller: what a PipelineRun's next version is, after the sequences of fields that were recorded.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{clock, switches::Outcome};

mod report;
mod tasks;

use tasks::Pipeline;

/// How a build is to go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Build {
    pub(crate) outcome: Outcome,
    pub(crate) takes: Duration,
    pub(crate) has_digest: bool,
}

/// The next version of a run.
#[derive(Debug)]
pub(crate) struct Next {
    pub(crate) after: Duration,
    pub(crate) run: Value,
    pub(crate) progress: Progress,
    /// Set when the run ends with this.
    pub(crate) ends: Option<End>,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) succeeded: bool,
    /// Whether the pipeline's `finally` tasks ran.
    pub(crate) finally_ran: bool,
}

/// What the controller remembers of a run: which tasks are still to finish, the first of them running.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Progress {
    queue: Vec<String>,
    finished: BTreeSet<String>,
    failed: u32,
    skipped: Vec<String>,
    /// A stop was seen before the last task had finished.
    stopped: bool,
    /// When each task ran, for its pod.
    times: BTreeMap<String, Times>,
}

/// When a task ran.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Times {
    pub(crate) began: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    pub(crate) failed: bool,
}

impl Times {
    /// Those of a task, from what the controller remembers of its run.
    pub(crate) fn of(memory: &Value, task: &str) -> Option<Self> {
        serde_json::from_value(memory["times"][task].clone()).ok()
    }
}

/// Whether a run has ended, well or badly.
pub(crate) fn has_ended(run: &Value) -> bool {
    let conditions = run["status"]["conditions"].as_array();
    conditions.into_iter().flatten().any(|c| c["type"] == "Succeeded" && c["status"] != "Unknown")
}

/// The Secrets that the run's workspaces mount.
pub(crate) fn secrets(run: &Value) -> impl Iterator<Item = &str> {
    let workspaces = run["spec"]["workspaces"].as_array();
    workspaces.into_iter().flatten().filter_map(|bound| bound["secret"]["secretName"].as_str())
}

/// Whether the run's first pod is still to start: it does not before its volumes are there.
pub(crate) fn has_yet_to_mount(progress: &Progress) -> bool {
    progress.finished.is_empty() && !progress.queue.is_empty()
}

/// The value of one of the run's parameters.
pub(crate) fn param<'a>(run: &'a Value, name: &str) -> Option<&'a str> {
    let params = run["spec"]["params"].as_array();
    let named = params.into_iter().flatten().find(|param| param["name"] == name)?;
    named["value"].as_str()
}

/// What comes next for a run, if anything. `pipeline` is the spec of the Pipeline it names, if there is one.
pub(crate) fn next(
    run: &Value,
    progress: Progress,
    pipeline: Option<&Value>,
    build: Build,
) -> Option<Next> {
    if has_ended(run) {
        return None;
    }
    let name = run["spec"]["pipelineRef"]["name"].as_str();
    let stop = run["spec"]["status"].as_str().unwrap_or_default();
    let pipeline = pipeline.or(run["spec"].get("pipelineSpec"));
    let controller = Controller { run: run.clone(), progress, build };
    if let Some(name) = name.filter(|_| run["metadata"]["labels"]["tekton.dev/pipeline"].is_null())
    {
        return Some(controller.labelled(name));
    }
    if run["status"]["conditions"].is_array() {
        return controller.running(stop, pipeline.map(Pipeline)?);
    }
    match (stop, pipeline.map(Pipeline)) {
        ("PipelineRunPending", _) => None,
        ("Cancelled" | "CancelledRunFinally" | "StoppedRunFinally", _) => {
            Some(controller.cancelled(false))
        }
        (_, None) => Some(controller.without_pipeline(name.unwrap_or_default())),
        (_, Some(pipeline)) => match pipeline.missing_params(run).as_slice() {
            [] => Some(controller.started(pipeline)),
            missing => Some(controller.without_params(name.unwrap_or_default(), missing)),
        },
    }
}

struct Controller {
    run: Value,
    progress: Progress,
    build: Build,
}

impl Controller {
    /// Bookkeeping takes a twentieth of the build each time.
    fn soon(&self) -> Duration {
        self.build.takes / 20
    }

    fn after(self, after: Duration, ends: Option<End>) -> Next {
        Next { after, run: self.run, progress: self.progress, ends }
    }

    fn labelled(mut self, pipeline: &str) -> Next {
        self.run["metadata"]["labels"]["tekton.dev/pipeline"] = pipeline.into();
        let soon = self.soon();
        self.after(soon, None)
    }

    fn started(mut self, pipeline: Pipeline<'_>) -> Next {
        let tasks = pipeline.tasks().into_iter().chain(pipeline.finally());
        self.progress.queue = tasks.map(str::to_owned).collect();
        self.run["status"] = json!({
            "startTime": clock::now(),
            "pipelineSpec": pipeline.resolved(&self.run),
            "provenance": tasks::provenance(),
            "childReferences": [],
        });
        self.refer_to_running_task();
        self.report_progress();
        let soon = self.soon();
        self.after(soon, None)
    }

    fn running(mut self, stop: &str, pipeline: Pipeline<'_>) -> Option<Next> {
        let tasks = self.progress.queue.len() + self.progress.finished.len();
        let per_task = self.build.takes * 9 / 10 / u32::try_from(tasks.max(1)).unwrap_or(u32::MAX);
        let is_final =
            self.progress.queue.first().is_some_and(|t| pipeline.finally().contains(&&**t));
        let until_timeout = self.until_timeout();
        if stop == "Cancelled" || (stop == "CancelledRunFinally" && !is_final) {
            return Some(self.cancelled(stop != "Cancelled"));
        }
        let hangs = self.build.outcome == Outcome::Hang && !is_final;
        if let Some(left) = until_timeout.filter(|left| hangs || *left < per_task) {
            return Some(self.timed_out(left));
        }
        if hangs {
            return None;
        }
        self.finish_task(pipeline, stop == "StoppedRunFinally", is_final);
        if !self.progress.queue.is_empty() {
            self.refer_to_running_task();
            self.report_progress();
            return Some(self.after(per_task, None));
        }
        Some(self.finished(per_task, pipeline))
    }

    /// The running task ends; what follows it depends on how.
    fn finish_task(&mut self, pipeline: Pipeline<'_>, stopping: bool, is_final: bool) {
        let task = self.progress.queue.remove(0);
        let fails = self.build.outcome == Outcome::Fail && pipeline.failing() == Some(&*task);
        if let Some(times) = self.progress.times.get_mut(&task) {
            (times.ended, times.failed) = (Some(Timestamp::now()), fails);
        }
        self.progress.finished.insert(task);
        self.progress.failed += u32::from(fails);
        if !fails && (!stopping || is_final) {
            return;
        }
        self.progress.stopped |= !fails;
        let finally = pipeline.finally();
        let is_last = |task: &String| finally.contains(&&**task);
        let (last, skipped) = self.progress.queue.drain(..).partition(is_last);
        self.progress.queue = last;
        self.progress.skipped = skipped;
        let reason =
            if fails { "PipelineRun was stopping" } else { "PipelineRun was gracefully stopped" };
        if !self.progress.skipped.is_empty() {
            let skipped = self.progress.skipped.iter();
            let skipped: Vec<_> = skipped.map(|n| json!({"name": n, "reason": reason})).collect();
            self.run["status"]["skippedTasks"] = skipped.into();
        }
    }

    fn finished(mut self, after: Duration, pipeline: Pipeline<'_>) -> Next {
        let Progress { finished, failed, skipped, stopped, .. } = &self.progress;
        let counts = format!(
            "Tasks Completed: {} (Failed: {failed}, Cancelled 0), Skipped: {}",
            finished.len(),
            skipped.len()
        );
        let (status, reason, message) = match (failed, stopped) {
            (1.., _) => ("False", "Failed", counts),
            (0, true) => ("False", "Cancelled", self.was("cancelled")),
            (0, false) => ("True", "Succeeded", counts),
        };
        let results = pipeline.results(&self.run, finished);
        if self.build.has_digest && !results.is_empty() {
            self.run["status"]["results"] = results.into();
        }
        self.end(after, status, reason, &message, true)
    }

    fn cancelled(self, finally_ran: bool) -> Next {
        let (soon, message) = (self.soon(), self.was("cancelled"));
        self.end(soon, "False", "Cancelled", &message, finally_ran)
    }

    fn timed_out(self, after: Duration) -> Next {
        let timeout = self.run["spec"]["timeouts"]["pipeline"].as_str().unwrap_or_default();
        let message =
            format!("PipelineRun \"{}\" failed to finish within \"{timeout}\"", self.name());
        self.end(after, "False", "PipelineRunTimeout", &message, false)
    }

    fn without_pipeline(self, pipeline: &str) -> Next {
        let (name, namespace) = (self.name(), self.namespace());
        let message = format!(
            "Error retrieving pipeline for pipelinerun {namespace}/{name}: error when getting Pipeline for \
             PipelineRun {name}: tekton client cannot get pipeline {pipeline} from local cluster: \
             pipelines.tekton.dev \"{pipeline}\" not found"
        );
        let soon = self.soon();
        self.end(soon, "False", "CouldntGetPipeline", &message, false)
    }

    fn without_params(self, pipeline: &str, missing: &[&str]) -> Next {
        let (name, namespace) = (self.name(), self.namespace());
        let message = format!(
            "[User error] PipelineRun {namespace}/{name} is missing some parameters required by Pipeline \
             {namespace}/{pipeline}: pipelineRun missing parameters: [{}]",
            missing.join(" ")
        );
        let soon = self.soon();
        self.end(soon, "False", "ParameterMissing", &message, false)
    }
}

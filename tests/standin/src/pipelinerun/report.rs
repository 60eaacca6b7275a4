//! Writing a run's status: its condition, its tasks, its end.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::{Controller, End, Next, Progress, Times};
use crate::{clock, duration};

impl Controller {
    pub(super) fn end(
        mut self,
        after: Duration,
        status: &str,
        reason: &str,
        message: &str,
        finally_ran: bool,
    ) -> Next {
        let now = clock::now();
        for times in self.progress.times.values_mut() {
            times.ended.get_or_insert_with(Timestamp::now);
        }
        if self.run["status"]["startTime"].is_null() {
            self.run["status"]["startTime"] = now.clone().into();
        }
        self.run["status"]["completionTime"] = now.into();
        self.condition(status, reason, message);
        self.after(after, Some(End { succeeded: status == "True", finally_ran }))
    }

    pub(super) fn refer_to_running_task(&mut self) {
        let Some(task) = self.progress.queue.first() else { return };
        let times = Times { began: Timestamp::now(), ended: None, failed: false };
        self.progress.times.insert(task.clone(), times);
        let reference = json!({
            "apiVersion": "tekton.dev/v1",
            "kind": "TaskRun",
            "name": format!("{}-{task}", self.name()),
            "pipelineTaskName": task,
        });
        if let Some(references) = self.run["status"]["childReferences"].as_array_mut() {
            references.push(reference);
        }
    }

    pub(super) fn report_progress(&mut self) {
        let Progress { queue, finished, failed, skipped, .. } = &self.progress;
        let message = format!(
            "Tasks Completed: {} (Failed: {failed}, Cancelled 0), Incomplete: {}, Skipped: {}",
            finished.len(),
            queue.len(),
            skipped.len()
        );
        self.condition("Unknown", "Running", &message);
    }

    pub(super) fn condition(&mut self, status: &str, reason: &str, message: &str) {
        self.run["status"]["conditions"] = json!([{
            "type": "Succeeded", "status": status, "reason": reason, "message": message,
            "lastTransitionTime": clock::now(),
        }]);
    }

    pub(super) fn until_timeout(&self) -> Option<Duration> {
        let timeout =
            self.run["spec"]["timeouts"]["pipeline"].as_str().and_then(duration::parse)?;
        if timeout.is_zero() {
            return None;
        }
        let started: jiff::Timestamp = self.run["status"]["startTime"].as_str()?.parse().ok()?;
        let elapsed = jiff::Timestamp::now().duration_since(started);
        Some(timeout.saturating_sub(Duration::try_from(elapsed).unwrap_or_default()))
    }

    pub(super) fn was(&self, what: &str) -> String {
        format!("PipelineRun \"{}\" was {what}", self.name())
    }

    pub(super) fn name(&self) -> &str {
        self.run["metadata"]["name"].as_str().unwrap_or_default()
    }

    pub(super) fn namespace(&self) -> &str {
        self.run["metadata"]["namespace"].as_str().unwrap_or_default()
    }
}

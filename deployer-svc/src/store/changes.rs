//! What an append changed in deploys: counted once, by whoever appended, after the commit.

use std::time::{Duration, SystemTime};

use deploy_domain::{DeployId, Event, FailedStage};
use opentelemetry::KeyValue;

use crate::metrics::{Outcome, PutBack, Stage, metrics};

/// All of one append, in its order.
#[derive(Debug, Default)]
#[must_use = "what is committed is to be counted"]
pub(super) struct Changes(pub(super) Vec<Change>);

/// A deploy that is in another state than before.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) deploy: DeployId,
    /// Nothing for a deploy that begins.
    pub(super) from: Option<String>,
    pub(super) to: &'static str,
    /// Where it failed, if it did.
    pub(super) failed: Option<FailedStage>,
    /// Whether a push asked for it.
    pub(super) pushed: bool,
    /// How long it was in the state before.
    pub(super) stayed: Duration,
    /// How long it has been on record.
    pub(super) age: Duration,
    /// The trace that it began in.
    pub(super) traceparent: Option<String>,
}

impl Changes {
    /// Call it after the commit.
    pub(super) fn count(self) {
        self.0.into_iter().for_each(Change::count);
    }
}

impl Change {
    /// Where the event says that the deploy failed.
    pub(super) fn failure(event: &Event) -> Option<FailedStage> {
        if let Event::Failed { stage, .. } = event { Some(*stage) } else { None }
    }

    fn count(self) {
        let before = self.from.as_deref().and_then(Stage::of_state);
        if let Some(stage) = before {
            metrics().left(stage, self.stayed);
        }
        let Some(outcome) = Outcome::of_state(self.to) else { return };
        metrics().ended(outcome, self.failed.into(), self.age);
        if outcome == Outcome::Live && self.pushed {
            metrics().went_live(self.age);
        }
        if before == Some(Stage::RollingBack) {
            let failed = self.failed == Some(FailedStage::PutBack);
            metrics().put_back(if failed { PutBack::Failed } else { PutBack::Complete });
        }
        self.trace(outcome);
    }

    /// The deploy as one span, from its record to its end, beside those of its steps.
    fn trace(&self, outcome: Outcome) {
        let began = SystemTime::now().checked_sub(self.age).unwrap_or(SystemTime::UNIX_EPOCH);
        telemetry::span_since(
            "deploy",
            self.traceparent.as_deref(),
            began,
            [KeyValue::new("deploy.id", self.deploy.to_string()), telemetry::Label::label(outcome)],
        );
    }
}

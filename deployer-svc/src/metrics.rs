//! Every instrument of the deployer. Where they are read stands with what they measure; `labels` has the values of
//! every label, `gauges` reads what only the database and the broker know.

mod gauges;
mod labels;

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use telemetry::{Buckets, Counter, Gauge, Label as _, Meter, Seconds, Unit};

pub(crate) use gauges::Gauges;
pub(crate) use labels::{
    Call, Called, EndedIn, Outcome, PutBack, Settled, Stage, StepKind, Stepped, Stream,
};

use crate::cluster_port;

/// Like the meter that they come from, the instruments belong to the process. Nothing is measured before
/// `telemetry::init`, and in tests of parts.
static METRICS: LazyLock<Metrics> = LazyLock::new(|| Metrics::declared(&meter()));

/// The process's instruments.
pub(crate) fn metrics() -> &'static Metrics {
    &METRICS
}

/// What declares them.
pub(crate) fn meter() -> Meter {
    Meter::of("deployer-svc")
}

/// What is measured.
pub(crate) struct Metrics {
    messages: Counter,
    push_to_record: Seconds,
    deploys: Counter,
    deploy: Seconds,
    push_to_live: Seconds,
    stage: Seconds,
    put_backs: Counter,
    dead_letters: Counter,
    takeovers: Counter,
    steps: Counter,
    step: Seconds,
    calls: Counter,
    call: Seconds,
    published: Counter,
    rebuilds: Counter,
    build_log_lines: Counter,
    build_logs_following: Gauge,
    ready: Gauge,
}

impl Metrics {
    fn declared(meter: &Meter) -> Self {
        let metrics = Self {
            messages: meter.counter(
                "paas_deployer_intake_messages",
                "Messages of the streams PUSHES and BUILDS by what became of them.",
            ),
            push_to_record: meter.seconds(
                "paas_deployer_push_to_record",
                "From the arrival of a push at the ingress to the commit that records it.",
                Buckets::Work,
            ),
            deploys: meter.counter(
                "paas_deployer_deploys",
                "Deploys that ended, by how and, for failed ones, in which stage.",
            ),
            deploy: meter.seconds(
                "paas_deployer_deploy",
                "From the record of a deploy to its end, by how it ended.",
                Buckets::Deploy,
            ),
            push_to_live: meter.seconds(
                "paas_deployer_push_to_live",
                "From the record of a push to the end of its rollout; deploys by hand are not counted.",
                Buckets::Deploy,
            ),
            stage: meter.seconds(
                "paas_deployer_stage",
                "How long deploys stayed in a stage that they left.",
                Buckets::Deploy,
            ),
            put_backs: meter.counter(
                "paas_deployer_put_backs",
                "Times that the last live image was put back, by how that ended.",
            ),
            dead_letters: meter.counter(
                "paas_deployer_dead_letters",
                "Messages that were put aside because they can never be taken in.",
            ),
            takeovers: meter.counter(
                "paas_deployer_lease_takeovers",
                "Lines that were taken over from a holder whose lease ran out.",
            ),
            steps: meter.counter("paas_deployer_steps", "Steps on lines, by what they came to."),
            step: meter.seconds(
                "paas_deployer_step",
                "How long a step took: the call of the cluster and the report.",
                Buckets::Work,
            ),
            calls: meter.counter(
                "paas_deployer_cluster_calls",
                "Calls of the cluster's agent, by how they ended.",
            ),
            call: meter.seconds(
                "paas_deployer_cluster_call",
                "How long calls of the cluster's agent took.",
                Buckets::Call,
            ),
            published: meter.counter(
                "paas_deployer_relay_published",
                "Events that were copied to the stream DEPLOYS.",
            ),
            rebuilds: meter.counter(
                "paas_deployer_consumer_rebuilds",
                "Times that a consumer delivered nothing although messages were pending, and was subscribed anew.",
            ),
            build_log_lines: meter.counter(
                "paas_deployer_build_log_lines",
                "Lines of builds that were kept.",
            ),
            build_logs_following: meter.gauge(
                "paas_deployer_build_logs_following",
                Unit::Number,
                "Builds whose logs this process reads now.",
            ),
            ready: meter.gauge(
                "paas_deployer_ready",
                Unit::Number,
                "Whether database and broker answer (1) or not (0), as /readyz says.",
            ),
        };
        metrics.start();
        metrics
    }

    /// Every series whose first increase matters begins at zero.
    fn start(&self) {
        for stream in Stream::ALL {
            self.dead_letters.start(&[stream.label()]);
            self.rebuilds.start(&[stream.label()]);
            for outcome in Settled::ALL {
                self.messages.start(&[stream.label(), outcome.label()]);
            }
        }
        for outcome in Outcome::ALL {
            let stages =
                if *outcome == Outcome::Failed { &EndedIn::ALL[1..] } else { &EndedIn::ALL[..1] };
            for stage in stages {
                self.deploys.start(&[outcome.label(), stage.label()]);
            }
        }
        for outcome in PutBack::ALL {
            self.put_backs.start(&[outcome.label()]);
        }
        for step in StepKind::ALL {
            for outcome in Stepped::ALL {
                self.steps.start(&[step.label(), outcome.label()]);
            }
        }
        for call in Call::ALL {
            for outcome in Called::ALL {
                self.calls.start(&[call.label(), outcome.label()]);
            }
        }
        self.takeovers.start(&[]);
        self.published.start(&[]);
        self.build_log_lines.start(&[]);
    }

    /// A message was settled, or left.
    pub(crate) fn message(&self, stream: Stream, outcome: Settled) {
        self.messages.one(&[stream.label(), outcome.label()]);
        if outcome == Settled::DeadLetter {
            self.dead_letters.one(&[stream.label()]);
        }
    }

    /// A push is on record, so long after it arrived.
    pub(crate) fn recorded(&self, after: Duration) {
        self.push_to_record.record(after, &[]);
    }

    /// A deploy left a stage in which it was so long.
    pub(crate) fn left(&self, stage: Stage, after: Duration) {
        self.stage.record(after, &[stage.label()]);
    }

    /// A deploy ended, so long after it was recorded.
    pub(crate) fn ended(&self, outcome: Outcome, stage: EndedIn, after: Duration) {
        self.deploys.one(&[outcome.label(), stage.label()]);
        self.deploy.record(after, &[outcome.label()]);
    }

    /// A push went live, so long after it was recorded.
    pub(crate) fn went_live(&self, after: Duration) {
        self.push_to_live.record(after, &[]);
    }

    /// The last live image was to be put back.
    pub(crate) fn put_back(&self, outcome: PutBack) {
        self.put_backs.one(&[outcome.label()]);
    }

    /// A line was taken over from a holder who is gone.
    pub(crate) fn taken_over(&self) {
        self.takeovers.one(&[]);
    }

    /// A step was tried.
    pub(crate) fn stepped(&self, step: StepKind, outcome: Stepped, took: Duration) {
        self.steps.one(&[step.label(), outcome.label()]);
        self.step.record(took, &[step.label()]);
    }

    /// Waits for the answer to a call of the agent, and measures how that went.
    pub(crate) async fn calling<T>(
        &self,
        call: Call,
        answer: impl Future<Output = Result<T, cluster_port::Error>>,
    ) -> Result<T, cluster_port::Error> {
        let asked = Instant::now();
        let answer = answer.await;
        let outcome = match &answer {
            Ok(_) => Called::Ok,
            Err(cluster_port::Error::Refused(_)) => Called::Refused,
            Err(cluster_port::Error::Transient(_)) => Called::Transient,
        };
        self.calls.one(&[call.label(), outcome.label()]);
        self.call.record(asked.elapsed(), &[call.label()]);
        answer
    }

    /// Events were copied to DEPLOYS.
    pub(crate) fn published(&self, events: usize) {
        self.published.add(u64::try_from(events).unwrap_or_default(), &[]);
    }

    /// A stuck consumer was subscribed anew.
    pub(crate) fn consumer_rebuilt(&self, stream: Stream) {
        self.rebuilds.one(&[stream.label()]);
    }

    /// Lines of a build were kept.
    pub(crate) fn build_log_lines(&self, lines: u32) {
        self.build_log_lines.add(lines.into(), &[]);
    }

    /// So many builds' logs are read now.
    pub(crate) fn build_logs_following(&self, logs: usize) {
        self.build_logs_following.set(u32::try_from(logs).unwrap_or(u32::MAX).into(), &[]);
    }

    /// What `/readyz` says.
    pub(crate) fn ready(&self, is_ready: bool) {
        self.ready.set(is_ready.into(), &[]);
    }
}

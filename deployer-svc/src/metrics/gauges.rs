//! What only the database and the broker know, read now and then by one task. While either is away its values are
//! absent: an old one would be a lie.

use std::time::Duration;

use async_nats::jetstream::{self, Context};
use paas_proto::streams::{DEPLOYER, Prefix};
use telemetry::{Gauge, Label as _, Unit};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::{Stage, Stream, meter};
use crate::{
    broker::Monitor,
    store::{Backlog, Store},
};

const EVERY: Duration = Duration::from_secs(10);
/// For all that one look asks of one of them.
const DEADLINE: Duration = Duration::from_secs(5);

/// Reads the gauges.
#[derive(Clone)]
pub(crate) struct Gauges {
    store: Store,
    jetstream: Context,
    prefix: Prefix,
    monitor: Option<Monitor>,
    underway: Gauge,
    dead_letters: Gauge,
    due_lag: Gauge,
    relay_lag: Gauge,
    lag_messages: Gauge,
    lag_seconds: Gauge,
    power_safe: Gauge,
}

impl Gauges {
    /// Declares them; nothing is read yet.
    pub(crate) fn new(
        store: Store,
        jetstream: Context,
        prefix: Prefix,
        monitor: Option<Monitor>,
    ) -> Self {
        let meter = meter();
        Self {
            store,
            jetstream,
            prefix,
            monitor,
            underway: meter.gauge(
                "paas_deployer_deploys_underway",
                Unit::Number,
                "Deploys that have not ended, by stage.",
            ),
            dead_letters: meter.gauge(
                "paas_deployer_dead_letters",
                Unit::Number,
                "Dead letters that wait for somebody to look at them.",
            ),
            due_lag: meter.gauge(
                "paas_deployer_due_lag",
                Unit::Seconds,
                "How long the line that is due longest has waited for somebody to work on it.",
            ),
            relay_lag: meter.gauge(
                "paas_deployer_relay_lag_events",
                Unit::Number,
                "Recorded events that are not in the stream DEPLOYS yet; counted up to 10000.",
            ),
            lag_messages: meter.gauge(
                "paas_deployer_intake_lag_messages",
                Unit::Number,
                "Messages that are not settled yet.",
            ),
            lag_seconds: meter.gauge(
                "paas_deployer_intake_lag",
                Unit::Seconds,
                "Age of the oldest message that is not settled.",
            ),
            power_safe: meter.gauge(
                "paas_deployer_broker_power_safe",
                Unit::Number,
                "Whether the broker writes to disk before it acknowledges: 1 yes, 0 no, -1 unknown.",
            ),
        }
    }

    /// Reads them until the shutdown.
    pub(crate) async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        shutdown
            .run_until_cancelled(Box::pin(async {
                loop {
                    tokio::join!(self.ask_database(), self.ask_broker(), self.ask_monitor());
                    sleep(EVERY).await;
                }
            }))
            .await;
        Ok(())
    }

    async fn ask_database(&self) {
        let Ok(Ok(Backlog { underway, dead_letters, due_lag, relay_lag })) =
            timeout(DEADLINE, self.store.backlog()).await
        else {
            for gauge in [&self.underway, &self.dead_letters, &self.due_lag, &self.relay_lag] {
                gauge.clear();
            }
            return;
        };
        for stage in Stage::ALL {
            let in_stage =
                underway.iter().find(|(state, _)| Stage::of_state(state) == Some(*stage));
            self.underway
                .set(number(in_stage.map_or(0, |(_, deploys)| *deploys)), &[stage.label()]);
        }
        self.dead_letters.set(number(dead_letters), &[]);
        self.due_lag.set(due_lag.as_secs_f64(), &[]);
        self.relay_lag.set(number(relay_lag), &[]);
    }

    async fn ask_broker(&self) {
        for stream in Stream::ALL {
            if let Ok(Some(Lag { messages, age })) = timeout(DEADLINE, self.lag(*stream)).await {
                self.lag_messages.set(messages, &[stream.label()]);
                self.lag_seconds.set(age.as_secs_f64(), &[stream.label()]);
            } else {
                self.lag_messages.clear();
                self.lag_seconds.clear();
                return;
            }
        }
    }

    async fn lag(&self, stream: Stream) -> Option<Lag> {
        let stream = self.jetstream.get_stream(stream.name(&self.prefix)).await.ok()?;
        let info = stream.consumer_info(DEPLOYER).await.ok()?;
        let unsettled = info.num_pending.saturating_add(info.num_ack_pending as u64);
        if unsettled == 0 {
            return Some(Lag { messages: 0.0, age: Duration::ZERO });
        }
        let settled = info.ack_floor.stream_sequence;
        Some(Lag {
            messages: number(unsettled),
            age: age_after(&stream, settled).await.unwrap_or_default(),
        })
    }

    async fn ask_monitor(&self) {
        let Some(monitor) = &self.monitor else { return };
        let value = match timeout(DEADLINE, monitor.syncs_always()).await {
            Ok(Ok(true)) => 1.0,
            Ok(Ok(false)) => 0.0,
            Ok(Err(_)) | Err(_) => -1.0,
        };
        self.power_safe.set(value, &[]);
    }
}

/// How far the intake is behind.
struct Lag {
    messages: f64,
    age: Duration,
}

/// The age of the first message behind this place; nothing when it was settled meanwhile.
async fn age_after(stream: &jetstream::stream::Stream, settled: u64) -> Option<Duration> {
    let next = stream.raw_message_builder().sequence(settled + 1).next_by_subject(">");
    let message = next.send().await.ok()?;
    let age = jiff::Timestamp::now().as_second() - message.time.unix_timestamp();
    Some(Duration::from_secs(u64::try_from(age).unwrap_or_default()))
}

#[expect(clippy::cast_precision_loss, reason = "beyond 2^53 nobody counts")]
fn number(of: u64) -> f64 {
    of as f64
}

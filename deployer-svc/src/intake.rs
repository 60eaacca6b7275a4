//! Takes in what the ingress published: pushes, and word of builds.
//!
//! Messages are pulled in small batches and acknowledged after the commit; the inbox makes a redelivery harmless. What
//! can never work becomes a dead letter. Trouble of ours never counts against a message: it is held, with word to the
//! broker that work goes on, and nothing more is pulled until the database answers.

mod attempt;
mod batch;
mod source;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::jetstream::Context;
use paas_proto::streams::{Limits, Prefix};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{backoff, inbound::Queue, metrics::metrics, store::Store};
use source::Source;

/// How the intake deals with the broker.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct Settings {
    /// Seconds after which a consumer that has messages pending and delivers none is subscribed to anew
    #[arg(long, env, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    pub consumer_patience_seconds: u64,
}

/// Works until the shutdown; then what is in hand is finished or given back.
pub async fn run(
    store: Store,
    jetstream: Context,
    prefix: Prefix,
    limits: Limits,
    settings: Settings,
    shutdown: CancellationToken,
) {
    let intake = |queue| Intake {
        queue,
        store: store.clone(),
        jetstream: jetstream.clone(),
        prefix: prefix.clone(),
        limits,
        patience: Duration::from_secs(settings.consumer_patience_seconds),
        shutdown: shutdown.clone(),
        outage: Arc::default(),
    };
    let (pushes, builds) = (intake(Queue::Pushes), intake(Queue::Builds));
    tokio::join!(pushes.run(), builds.run());
}

struct Intake {
    queue: Queue,
    store: Store,
    jetstream: Context,
    prefix: Prefix,
    limits: Limits,
    /// With a consumer that delivers nothing.
    patience: Duration,
    shutdown: CancellationToken,
    /// Whether the database was away when it was last asked.
    outage: Arc<AtomicBool>,
}

impl Intake {
    async fn run(&self) {
        let mut source = None;
        let mut failures = 0;
        while self.database_answers().await {
            match self.pull(&mut source).await {
                Ok((epoch, messages)) => {
                    if std::mem::take(&mut failures) > 0 {
                        tracing::info!(stream = self.stream(), "pulling again");
                    }
                    self.settle(epoch, messages).await;
                }
                Err(error) => {
                    failures += 1;
                    source = None;
                    if matches!(error, source::Error::Stuck { .. }) {
                        metrics().consumer_rebuilt(self.queue.into());
                        tracing::warn!(stream = self.stream(), %error, "subscribing anew");
                        metrics().consumer_rebuilt(self.queue.into());
                    } else if failures == 1 {
                        tracing::warn!(stream = self.stream(), %error, "cannot pull; trying again");
                    }
                    self.pause(failures).await;
                }
            }
        }
    }

    async fn pull(
        &self,
        source: &mut Option<Source>,
    ) -> Result<(u64, Vec<async_nats::jetstream::Message>), source::Error> {
        let source = if let Some(source) = source {
            source
        } else {
            let (Self { jetstream, prefix, limits, patience, .. }, stream) = (self, self.stream());
            let opened = Source::open(jetstream, prefix, *limits, &stream, *patience);
            source.insert(opened.await?)
        };
        Ok((source.epoch, source.next(&self.shutdown).await?))
    }

    fn stream(&self) -> String {
        self.queue.stream(&self.prefix)
    }

    /// Waits until the database answers: before that, nothing is pulled. False at the shutdown.
    async fn database_answers(&self) -> bool {
        let mut failures = 0;
        while !self.shutdown.is_cancelled() {
            match self.store.ping().await {
                Ok(()) => {
                    self.note_answer();
                    return true;
                }
                Err(error) => {
                    failures += 1;
                    self.note_outage(&error);
                    self.pause(failures).await;
                }
            }
        }
        false
    }

    /// Logged once an outage.
    fn note_outage(&self, error: &crate::store::Error) {
        if !self.outage.swap(true, Ordering::Relaxed) {
            tracing::warn!(stream = self.stream(), %error, "the intake pauses: the database is away");
        }
    }

    fn note_answer(&self) {
        if self.outage.swap(false, Ordering::Relaxed) {
            tracing::info!(stream = self.stream(), "the intake goes on: the database is back");
        }
    }

    /// Short at most: what arrived during an outage is not to wait long after it.
    async fn pause(&self, failures: u32) {
        const LONGEST: u32 = 4;
        self.shutdown.run_until_cancelled(sleep(backoff::delay(failures.min(LONGEST)))).await;
    }
}

//! A batch of messages, from its arrival to the acknowledgements: apps beside one another, one app's messages in order,
//! and those that may be what ends the process alone.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use async_nats::jetstream::{AckKind, Message};
use futures_util::{StreamExt as _, stream};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use super::Intake;
use crate::{
    inbound::{Invalid, Job, Stored},
    store,
};

/// Apps that are worked for at a time.
const APPS_AT_ONCE: usize = 8;
/// A message that was delivered more often than this is tried alone before it is given up.
const DELIVERIES: i64 = 5;
/// Well below the consumer's `ack_wait`.
const PROGRESS: Duration = Duration::from_secs(5);
/// For handing an acknowledgement to the connection, which may be down.
const ACK_TIME: Duration = Duration::from_secs(2);

/// A message in hand.
pub(super) struct Held {
    pub(super) message: Message,
    pub(super) place: store::Place,
    pub(super) deliveries: i64,
    /// Whether it is acknowledged.
    settled: AtomicBool,
}

/// A message and what it asks for.
type Decoded<'a> = (&'a Held, Result<Job, Invalid>);

impl Held {
    fn new(message: Message, stream: &str, epoch: u64) -> Option<Self> {
        let info = message.info().ok()?;
        let place =
            store::Place { stream: stream.to_owned(), epoch, sequence: info.stream_sequence };
        let deliveries = info.delivered;
        Some(Self { message, place, deliveries, settled: AtomicBool::new(false) })
    }

    pub(super) fn stored(&self) -> Stored<'_> {
        let Self { message, place, .. } = self;
        let (headers, payload) = (message.headers.as_ref(), &message.payload);
        Stored { place, subject: &message.subject, headers, payload }
    }

    /// The result is not trusted: what was committed is in the inbox, and a lost acknowledgement brings it again.
    pub(super) async fn ack(&self) {
        self.settled.store(true, Ordering::Relaxed);
        let _ = timeout(ACK_TIME, self.message.ack()).await;
    }

    async fn tell(&self, kind: AckKind) {
        if !self.settled.load(Ordering::Relaxed) {
            let _ = timeout(ACK_TIME, self.message.ack_with(kind)).await;
        }
    }
}

impl Intake {
    /// Settles all that can be settled; at the shutdown the rest is given back at once, else after its `ack_wait`.
    pub(super) async fn settle(&self, epoch: u64, messages: Vec<Message>) {
        let stream = self.stream();
        let held: Vec<Held> =
            messages.into_iter().filter_map(|message| Held::new(message, &stream, epoch)).collect();
        tokio::select! {
            () = self.work(&held) => {}
            () = keep(&held) => {}
        }
        if self.shutdown.is_cancelled() {
            for message in &held {
                message.tell(AckKind::Nak(None)).await;
            }
        }
    }

    async fn work(&self, held: &[Held]) {
        let (suspects, others): (Vec<_>, Vec<_>) =
            held.iter().partition(|message| message.deliveries > DELIVERIES);
        // What cannot be read is nobody's and has no order: many of it would else hold the next batch up.
        let mut apps: HashMap<Result<Uuid, u64>, Vec<Decoded<'_>>> = HashMap::new();
        for message in others {
            let job = self.decode(message);
            let app = job.as_ref().map(|job| job.app).map_err(|_| message.place.sequence);
            apps.entry(app).or_default().push((message, job));
        }
        let of_one_app = async |messages: Vec<Decoded<'_>>| {
            for (message, job) in messages {
                if !self.take(message, job).await {
                    break;
                }
            }
        };
        stream::iter(apps.into_values()).for_each_concurrent(APPS_AT_ONCE, of_one_app).await;
        for suspect in suspects {
            self.take_alone(suspect).await;
        }
    }

    pub(super) fn decode(&self, held: &Held) -> Result<Job, Invalid> {
        held.stored().decode(self.queue, &self.prefix)
    }
}

/// Tells the broker again and again that work goes on. Never ends by itself.
async fn keep(held: &[Held]) {
    loop {
        sleep(PROGRESS).await;
        for message in held {
            message.tell(AckKind::Progress).await;
        }
    }
}

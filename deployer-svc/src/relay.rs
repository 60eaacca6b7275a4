//! Copies the recorded events to the stream DEPLOYS, in the order of their commits. What was published is noted after
//! the broker has it, so a crash in between publishes again, under the same message id.

use std::time::Duration;

use async_nats::{
    header::NATS_MESSAGE_ID,
    jetstream::{
        Context,
        context::{PublishAckFuture, PublishError, PublishErrorKind},
    },
};
use paas_proto::{
    events::DeployEvent,
    ids::deploy_event_message_id,
    streams::{Limits, Prefix},
};
use prost::Message as _;
use tokio::{sync::broadcast, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info_span};
use uuid::Uuid;

use crate::{
    backoff,
    metrics::metrics,
    store::{self, Notifications, Outbox, Recorded, Store},
    streams,
};

/// Events that are on their way at a time.
const BATCH: i64 = 64;
/// Without a hint.
const POLL: Duration = Duration::from_secs(1);
/// Before a replica that does not relay asks again whether it should.
const STANDBY: Duration = Duration::from_secs(5);

/// In failures: what waits during an outage is not to wait long after it.
const LONGEST_BACKOFF: u32 = 4;

/// Why relaying stopped for a while.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Setup(#[from] streams::Error),
}

/// Works until the shutdown. Of all replicas, one relays at a time.
pub async fn run(
    store: Store,
    notifications: Notifications,
    jetstream: Context,
    prefix: Prefix,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let relay = Relay { store, notifications, jetstream, prefix, limits };
    shutdown.run_until_cancelled(Box::pin(relay.run())).await;
}

struct Relay {
    store: Store,
    notifications: Notifications,
    jetstream: Context,
    prefix: Prefix,
    limits: Limits,
}

impl Relay {
    async fn run(&self) {
        let mut failures = 0;
        loop {
            let wait = match self.relay(&mut failures).await {
                Ok(()) => STANDBY,
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        tracing::warn!(%error, "the public copy of events falls behind");
                    }
                    backoff::delay(failures.min(LONGEST_BACKOFF))
                }
            };
            tokio::time::sleep(wait).await;
        }
    }

    /// Ends when somebody else relays, or with a failure.
    async fn relay(&self, failures: &mut u32) -> Result<(), Error> {
        let Some(outbox) = Outbox::claim(&self.store).await? else { return Ok(()) };
        if self.store.settle_positions().await? {
            tracing::warn!("the log comes from another database server: its positions are settled");
        }
        let mut hints = self.notifications.subscribe();
        loop {
            let events = outbox.next(BATCH).await?;
            match self.publish(&outbox, &events).await {
                Err(Error::Publish(error)) if error.kind() == PublishErrorKind::StreamNotFound => {
                    streams::ensure(&self.jetstream, &self.prefix, self.limits).await?;
                }
                published => published?,
            }
            if std::mem::take(failures) > 0 {
                tracing::info!("the public copy of events catches up");
            }
            if events.is_empty() {
                wait(&mut hints).await;
            }
        }
    }

    async fn publish(&self, outbox: &Outbox, events: &[Recorded]) -> Result<(), Error> {
        // All are on their way before the first is waited for; one connection keeps their order.
        let mut on_their_way = Vec::with_capacity(events.len());
        for event in events {
            on_their_way.push((event, send(&self.jetstream, &self.prefix, event).await?));
        }
        let mut stored = None;
        let mut failed = None;
        let mut published = 0;
        for (event, ack) in on_their_way {
            match ack.await {
                Ok(_) => {
                    stored = Some(event);
                    published += 1;
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if let Some(last) = stored {
            fail::fail_point!("relay::published", |_| crate::failpoints::crash());
            metrics().published(published);
            outbox.published(last).await?;
        }
        failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Hands an event to the broker, under the id it has for ever; the future ends when the broker has it.
pub(crate) async fn send(
    jetstream: &Context,
    prefix: &Prefix,
    event: &Recorded,
) -> Result<PublishAckFuture, PublishError> {
    let version = u64::try_from(event.version).unwrap_or_default();
    let mut headers = async_nats::HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, deploy_event_message_id(event.app, version));
    if let Some(traceparent) = &event.traceparent {
        headers.insert("traceparent", traceparent.as_str());
    }
    let message = DeployEvent {
        app_id: event.app.to_string(),
        version,
        deploy_id: event.deploy.map(|id| id.to_string()).unwrap_or_default(),
        r#type: event.name.clone(),
        recorded_at: Some(prost_types::Timestamp {
            seconds: event.recorded_at.as_second(),
            nanos: event.recorded_at.subsec_nanosecond(),
        }),
        data_json: event.data.clone(),
    };
    let subject = prefix.deploy_subject(event.app);
    let span = info_span!(
        "event.publish",
        otel.kind = "producer",
        messaging.system = "nats",
        messaging.operation.name = "publish",
        messaging.operation.type = "send",
        messaging.destination.name = prefix.deploys(),
        event = event.name,
    );
    telemetry::set_parent(&span, event.traceparent.as_deref());
    let payload = message.encode_to_vec().into();
    jetstream.publish_with_headers(subject, headers, payload).instrument(span).await
}

/// Until something moved, or long enough that something may have.
async fn wait(hints: &mut broadcast::Receiver<Uuid>) {
    let _ = timeout(POLL, hints.recv()).await;
    // A burst is one hint.
    while hints.try_recv().is_ok() {}
}

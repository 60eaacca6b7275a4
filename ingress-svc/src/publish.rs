//! JetStream: a message counts as published when its stream has acknowledged it. Attempts of one call carry one
//! message id, so one that "failed" and was stored all the same is stored once.

use std::{error::Error as _, time::Duration};

use async_nats::{
    HeaderMap,
    connection::State,
    jetstream::{
        self, ErrorCode, consumer::PullConsumer, context::PublishErrorKind, message::PublishMessage,
    },
};
use backon::{ExponentialBuilder, Retryable as _};
use bytes::Bytes;
use paas_proto::{
    events::{BuildReport, PushEvent},
    streams::{Prefix, STATUSES},
};
use prost::Message as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;
use tracing::Instrument as _;
use uuid::Uuid;

use crate::metrics::Published;

/// All attempts at one message together: GitHub hangs up after ten seconds.
const BUDGET: Duration = Duration::from_secs(8);
/// One attempt.
const ACK_TIMEOUT: Duration = Duration::from_secs(3);
/// A frozen broker is noticed after three of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const MAX_RECONNECT_DELAY: Duration = Duration::from_secs(1);

/// Publishes to the streams.
#[derive(Clone)]
pub(crate) struct Publisher {
    client: async_nats::Client,
    jetstream: jetstream::Context,
    prefix: Prefix,
}

/// The message may or may not be stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no connection to the broker.
    #[error("not connected to NATS")]
    Disconnected,
    /// The stream refuses or does not answer.
    #[error("JetStream did not take the message")]
    Refused(#[source] async_nats::jetstream::context::PublishError),
    /// The budget is spent.
    #[error("JetStream did not acknowledge the message in time")]
    OutOfTime,
}

impl Error {
    /// Whether another attempt soon may succeed.
    fn is_transient(&self) -> bool {
        let Self::Refused(error) = self else { return true };
        match error.kind() {
            PublishErrorKind::TimedOut
            | PublishErrorKind::BrokenPipe
            | PublishErrorKind::MaxAckPending
            // No responders: the stream's server is starting.
            | PublishErrorKind::StreamNotFound => true,
            PublishErrorKind::Other => matches!(
                code(error),
                Some(ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT | ErrorCode::CLUSTER_NOT_AVAILABLE)
            ),
            // Among these a full stream or disk: that will not be over within the budget.
            PublishErrorKind::WrongLastMessageId
            | PublishErrorKind::WrongLastSequence
            | PublishErrorKind::MaxPayloadExceeded => false,
        }
    }
}

fn code(error: &jetstream::context::PublishError) -> Option<ErrorCode> {
    error.source()?.downcast_ref::<jetstream::Error>().map(jetstream::Error::error_code)
}

impl Publisher {
    /// Connects in the background, now and after every interruption. Call it on the main runtime.
    pub(crate) async fn connect(urls: &SecretString, prefix: Prefix) -> anyhow::Result<Self> {
        let (servers, options) = paas_proto::broker::parse(urls.expose_secret())?;
        let client = options
            .name("ingress-svc")
            // A user may read its own answers only: see deploy/nats.conf.
            .custom_inbox_prefix("_INBOX.ingress-svc")
            .retry_on_initial_connect()
            .ping_interval(PING_INTERVAL)
            .connection_timeout(ACK_TIMEOUT)
            .reconnect_delay_callback(|attempts| {
                let hundreds = u32::try_from(attempts).unwrap_or(u32::MAX);
                Duration::from_millis(100).saturating_mul(hundreds).min(MAX_RECONNECT_DELAY)
            })
            .connect(servers)
            .await?;
        let jetstream = jetstream::ContextBuilder::new()
            .timeout(ACK_TIMEOUT)
            .ack_timeout(ACK_TIMEOUT)
            .build(client.clone());
        Ok(Self { client, jetstream, prefix })
    }

    /// Publishes a push under its deploy's id, to be done by `deadline` at the latest.
    pub(crate) async fn push(
        &self,
        app: Uuid,
        push: &PushEvent,
        deadline: Instant,
    ) -> Result<Published, Error> {
        let subject = self.prefix.push_subject(push.provider(), app);
        let payload = push.encode_to_vec().into();
        self.publish(self.prefix.pushes(), subject, &push.deploy_id, payload, deadline).await
    }

    /// Publishes word of a build. Each is a hint of its own.
    pub(crate) async fn build(&self, app: Uuid, report: &BuildReport) -> Result<Published, Error> {
        let subject = self.prefix.build_subject(app);
        let id = Uuid::now_v7().to_string();
        let deadline = Instant::now() + BUDGET;
        self.publish(self.prefix.builds(), subject, &id, report.encode_to_vec().into(), deadline)
            .await
    }

    async fn publish(
        &self,
        stream: String,
        subject: String,
        message_id: &str,
        payload: Bytes,
        deadline: Instant,
    ) -> Result<Published, Error> {
        let span = tracing::info_span!(
            "push.publish",
            otel.kind = "producer",
            messaging.system = "nats",
            messaging.operation.name = "publish",
            messaging.operation.r#type = "send",
            messaging.destination.name = stream,
            messaging.message.id = message_id,
            messaging.message.body.size = payload.len(),
        );
        // The next process goes on from this span.
        let headers = span.in_scope(telemetry::nats_headers);
        let attempt = || self.attempt(&stream, &subject, message_id, &payload, &headers);
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(50))
            .with_max_delay(Duration::from_millis(500))
            .with_jitter()
            .without_max_times();
        let published = attempt.retry(pauses).when(Error::is_transient);
        let deadline = deadline.min(Instant::now() + BUDGET);
        let published = tokio::time::timeout_at(deadline, published).instrument(span);
        published.await.map_err(|_| Error::OutOfTime)?
    }

    async fn attempt(
        &self,
        stream: &str,
        subject: &str,
        message_id: &str,
        payload: &Bytes,
        headers: &HeaderMap,
    ) -> Result<Published, Error> {
        // The client would keep the message and send it whenever it is connected again.
        if !self.is_connected() {
            return Err(Error::Disconnected);
        }
        let message = PublishMessage::build()
            .payload(payload.clone())
            .headers(headers.clone())
            .message_id(message_id)
            .expected_stream(stream);
        let sent = self.jetstream.send_publish(subject.to_owned(), message);
        let ack = sent.await.map_err(Error::Refused)?.await.map_err(Error::Refused)?;
        Ok(if ack.duplicate { Published::Duplicate } else { Published::Stored })
    }

    /// The events that commit statuses are made from.
    pub(crate) async fn statuses(&self) -> Result<PullConsumer, async_nats::Error> {
        let stream = self.prefix.deploys();
        Ok(self.jetstream.get_consumer_from_stream(STATUSES, stream).await?)
    }

    /// Whether there is a connection to the broker.
    pub(crate) fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    /// What is wrong with the streams, if anything: a full stream must refuse, and a repeated id must be recognised.
    pub(crate) async fn stream_fault(&self) -> Option<String> {
        let [pushes, builds, _] = self.prefix.configs(paas_proto::streams::Limits::default());
        for expected in [pushes, builds] {
            let name = &expected.name;
            let Ok(stream) = self.jetstream.get_stream(name).await else {
                return Some(format!("stream {name} is missing or does not answer"));
            };
            let found = &stream.cached_info().config;
            let is_as_expected = found.subjects == expected.subjects
                && found.retention == expected.retention
                && found.storage == expected.storage
                && found.discard == expected.discard
                && found.discard_new_per_subject == expected.discard_new_per_subject
                && found.duplicate_window >= expected.duplicate_window
                && found.max_message_size >= expected.max_message_size;
            if !is_as_expected {
                return Some(format!(
                    "stream {name} is not set up as expected: run `deployer-svc migrate`"
                ));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(code: u64) -> Error {
        let answer = json!({ "code": 503, "err_code": code, "description": "no" });
        let answer: jetstream::Error = serde_json::from_value(answer).unwrap();
        let kind = PublishErrorKind::Other;
        Error::Refused(jetstream::context::PublishError::with_source(kind, answer))
    }

    #[test]
    fn a_full_stream_is_not_tried_again() {
        for code in [10_077, 10_023, 10_047] {
            assert!(!refused(code).is_transient(), "{code}");
        }
    }

    #[test]
    fn what_passes_by_itself_is_tried_again() {
        for code in [10_158, 10_008] {
            assert!(refused(code).is_transient(), "{code}");
        }
        for kind in [PublishErrorKind::TimedOut, PublishErrorKind::StreamNotFound] {
            assert!(Error::Refused(jetstream::context::PublishError::new(kind)).is_transient());
        }
        assert!(Error::Disconnected.is_transient());
    }
}

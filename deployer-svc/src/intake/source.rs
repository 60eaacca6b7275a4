//! Where messages come from: small batches of a durable consumer, which is set up anew when it is gone or stuck.

use std::time::Duration;

use async_nats::jetstream::{
    Context, Message,
    consumer::{PullConsumer, pull::Batch},
};
use futures_util::StreamExt as _;
use paas_proto::streams::{DEPLOYER, Limits, Prefix};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::streams;

/// Few enough to be handled within their `ack_wait`.
const BATCH: usize = 16;
/// How long a request waits at the broker for a first message.
const WAIT: Duration = Duration::from_secs(5);
/// What the broker may take to answer beyond that.
const ANSWER: Duration = Duration::from_secs(5);

/// Why nothing could be pulled.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Setup(#[from] streams::Error),
    #[error("{0}")]
    Broker(#[from] async_nats::Error),
    #[error("the broker does not answer")]
    Silence,
    #[error("{pending} messages are pending and none was delivered for {} s", after.as_secs())]
    Stuck { pending: u64, after: Duration },
}

pub(super) struct Source {
    /// When the stream was created, Unix seconds.
    pub(super) epoch: u64,
    consumer: PullConsumer,
    jetstream: Context,
    /// With messages pending and none delivered for so long, the consumer is stuck.
    patience: Duration,
    /// Since when messages have been pending while none is delivered.
    waiting_since: Option<Instant>,
}

impl Source {
    /// Finds the consumer; where it is gone, or its stream is, sets up what is missing.
    pub(super) async fn open(
        jetstream: &Context,
        prefix: &Prefix,
        limits: Limits,
        stream: &str,
        patience: Duration,
    ) -> Result<Self, Error> {
        if let Ok(source) = Self::find(jetstream, stream, patience).await {
            return Ok(source);
        }
        streams::ensure(jetstream, prefix, limits).await?;
        Self::find(jetstream, stream, patience).await
    }

    async fn find(jetstream: &Context, name: &str, patience: Duration) -> Result<Self, Error> {
        let stream = jetstream.get_stream(name).await.map_err(async_nats::Error::from)?;
        Ok(Self {
            epoch: u64::try_from(stream.cached_info().created.unix_timestamp()).unwrap_or_default(),
            consumer: stream.get_consumer(DEPLOYER).await?,
            jetstream: jetstream.clone(),
            patience,
            waiting_since: None,
        })
    }

    /// What is there, or the first message that comes within a few seconds, or nothing.
    pub(super) async fn next(
        &mut self,
        shutdown: &CancellationToken,
    ) -> Result<Vec<Message>, Error> {
        let present = self.consumer.fetch().max_messages(BATCH).messages().await;
        let mut messages = collect(present.map_err(async_nats::Error::from)?, ANSWER).await?;
        if messages.is_empty() {
            let first = async {
                let batch = self.consumer.batch().max_messages(1).expires(WAIT).messages().await;
                collect(batch.map_err(async_nats::Error::from)?, WAIT + ANSWER).await
            };
            // A request that is given up loses its interest: the broker hands the message to another one.
            messages = shutdown.run_until_cancelled(first).await.unwrap_or(Ok(Vec::new()))?;
        }
        if messages.is_empty() {
            self.ensure_progress().await?;
        } else {
            self.waiting_since = None;
        }
        Ok(messages)
    }

    /// A consumer has been seen to stall until its client connected anew.
    async fn ensure_progress(&mut self) -> Result<(), Error> {
        let info = self.consumer.get_info().await.map_err(async_nats::Error::from)?;
        let held_elsewhere = i64::try_from(info.num_ack_pending)
            .is_ok_and(|held| held >= info.config.max_ack_pending);
        if info.num_pending == 0 || held_elsewhere {
            self.waiting_since = None;
            return Ok(());
        }
        if self.waiting_since.get_or_insert_with(Instant::now).elapsed() < self.patience {
            return Ok(());
        }
        self.jetstream.client().force_reconnect().await.map_err(async_nats::Error::from)?;
        Err(Error::Stuck { pending: info.num_pending, after: self.patience })
    }
}

/// All that the batch brings. What came before an error is handed on: the error comes again.
async fn collect(mut batch: Batch, patience: Duration) -> Result<Vec<Message>, Error> {
    let deadline = Instant::now() + patience;
    let mut messages = Vec::new();
    loop {
        match timeout_at(deadline, batch.next()).await {
            Ok(Some(Ok(message))) => messages.push(message),
            Ok(None) => return Ok(messages),
            Ok(Some(Err(_))) | Err(_) if !messages.is_empty() => return Ok(messages),
            Ok(Some(Err(error))) => return Err(error.into()),
            Err(_) => return Err(Error::Silence),
        }
    }
}

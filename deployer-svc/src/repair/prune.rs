//! Keeps the inbox as long as a message can come again, the logs of builds as long as somebody wants them, and neither
//! longer.

use std::{convert::Infallible, time::Duration};

use async_nats::jetstream::Context;
use paas_proto::streams::Prefix;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff,
    store::{self, Store},
};

/// After a start, which many may make at once.
const FIRST: Duration = Duration::from_secs(10);
const EVERY: Duration = Duration::from_hours(1);
/// In one transaction; a short wait follows, so that nobody waits for the database long.
const BATCH: u32 = 1_000;
/// The same of logs, each of which may have a hundred chunks.
const LOGS: u32 = 20;
const BREATH: Duration = Duration::from_millis(100);
/// Beyond the age at which the stream forgets a message: for clocks that differ and a message that was in hand.
const MARGIN: Duration = Duration::from_hours(24);

#[derive(Debug, thiserror::Error)]
enum Error {
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("JetStream: {0}")]
    Broker(#[from] async_nats::jetstream::context::GetStreamError),
}

/// Works until the shutdown. Replicas may do so side by side.
pub(crate) async fn run(
    store: Store,
    jetstream: Context,
    prefix: Prefix,
    logs_kept: Duration,
    shutdown: CancellationToken,
) {
    let work = async {
        sleep(backoff::jittered(FIRST)).await;
        loop {
            match prune(&store, &jetstream, &prefix).await {
                Ok(0) => {}
                Ok(pruned) => tracing::info!(pruned, "forgot old messages of the inbox"),
                Err(error) => tracing::warn!(%error, "the inbox was not pruned; trying later"),
            }
            match in_batches(LOGS, || store.prune_logs(logs_kept, LOGS)).await {
                Ok(0) => {}
                Ok(pruned) => tracing::info!(pruned, "forgot old logs of builds"),
                Err(error) => {
                    tracing::warn!(%error, "the logs of builds were not pruned; trying later");
                }
            }
            sleep(backoff::jittered(EVERY)).await;
        }
    };
    let _: Option<Infallible> = shutdown.run_until_cancelled(work).await;
}

async fn prune(store: &Store, jetstream: &Context, prefix: &Prefix) -> Result<u64, Error> {
    let mut kept = Duration::ZERO;
    for stream in [prefix.pushes(), prefix.builds()] {
        let age = jetstream.get_stream(&stream).await?.cached_info().config.max_age;
        if age.is_zero() {
            // Somebody has it keep everything: then anything can come again.
            return Ok(0);
        }
        kept = kept.max(age);
    }
    Ok(in_batches(BATCH, || store.prune_inbox(kept + MARGIN, BATCH)).await?)
}

/// Forgets until there is less than a batch of it.
async fn in_batches<F>(size: u32, mut forget: impl FnMut() -> F) -> Result<u64, store::Error>
where
    F: Future<Output = Result<u64, store::Error>>,
{
    let mut pruned = 0;
    loop {
        let batch = forget().await?;
        pruned += batch;
        if batch < u64::from(size) {
            return Ok(pruned);
        }
        sleep(BREATH).await;
    }
}

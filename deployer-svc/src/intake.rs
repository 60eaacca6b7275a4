//! Takes in what the ingress published: pushes, and word of builds.

use async_nats::jetstream::Context;
use paas_proto::streams::{Limits, Prefix};
use tokio_util::sync::CancellationToken;

use crate::store::Store;

/// Works until the shutdown; then what is in hand is finished or given back.
pub async fn run(
    store: Store,
    jetstream: Context,
    prefix: Prefix,
    limits: Limits,
    shutdown: CancellationToken,
) {
    let _ = (store, jetstream, prefix, limits);
    shutdown.cancelled().await;
}

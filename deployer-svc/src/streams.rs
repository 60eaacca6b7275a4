//! The streams of JetStream and the deployer's consumers on them, as `paas_proto::streams` describes them.

use async_nats::jetstream::Context;
use paas_proto::streams::{Limits, Prefix};

/// Why a stream is not as it must be.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(String);

/// Creates what is missing and corrects what may be corrected.
pub async fn ensure(jetstream: &Context, prefix: &Prefix, limits: Limits) -> Result<(), Error> {
    let _ = (jetstream, prefix, limits);
    Err(Error("being written".to_owned()))
}

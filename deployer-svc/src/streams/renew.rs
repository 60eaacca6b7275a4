//! Makes anew what is not the only record of anything: the public copy of the log, and the place up to which the intake
//! has read.

use async_nats::jetstream::Context;
use paas_proto::streams::{DEPLOYER, Limits, Prefix};

use super::{Error, broker, consumer, ensure, find};

/// What can be made anew without losing anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Renewable {
    /// DEPLOYS, the public copy of the log: empty afterwards, `deployer-svc republish` fills it
    Deploys,
    /// The intake's consumers: everything in PUSHES and BUILDS comes again, and what is on record changes nothing
    Intake,
}

/// Deletes it and sets it up again. It can be repeated: one that is missing is made.
pub async fn renew(
    jetstream: &Context,
    prefix: &Prefix,
    what: Renewable,
    limits: Limits,
) -> Result<(), Error> {
    match what {
        Renewable::Deploys => {
            let name = prefix.deploys();
            if find(jetstream, &name).await?.is_some() {
                tracing::info!(stream = name, "deleting the stream");
                jetstream.delete_stream(&name).await.map_err(|error| broker(&name, error))?;
            }
        }
        Renewable::Intake => {
            for name in [prefix.pushes(), prefix.builds()] {
                let Some(stream) = find(jetstream, &name).await? else { continue };
                if consumer(&stream, &name, DEPLOYER).await?.is_some() {
                    tracing::info!(stream = name, consumer = DEPLOYER, "deleting the consumer");
                    let deleted = stream.delete_consumer(DEPLOYER).await;
                    deleted.map_err(|error| broker(&name, error))?;
                }
            }
        }
    }
    ensure(jetstream, prefix, limits).await
}

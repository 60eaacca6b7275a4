//! The broker loses power: every push that was answered 202 has to be in PUSHES.

use std::collections::BTreeSet;

use anyhow::Result;
use e2e::{checker::World, servers::Durability};
use paas_proto::streams::Prefix;
use uuid::Uuid;

use super::{
    pushing::{self, Pushing},
    report::Loss,
    rig::{OnDisk, Rig},
};

const CLIENTS: usize = 16;

/// Cuts once so many were accepted.
pub(super) async fn cut(durability: Durability, accepted: u64) -> Result<Vec<Loss>> {
    let mut rig = Rig::start(OnDisk::Broker, durability).await?;
    let apps = pushing::apps(&rig.api).await?;
    rig.settle().await?;
    let pushing = Pushing::start(CLIENTS, &rig.api, &apps);
    pushing.until(accepted).await?;
    rig.cut().await?;
    let accepted: BTreeSet<_> = pushing.stop().await.into_iter().collect();
    let found = left(&mut rig).await.unwrap_or_else(|error| {
        tracing::warn!("nothing is left of PUSHES: {error:#}");
        BTreeSet::new()
    });
    Ok(vec![Loss {
        what: "pushes answered 202, in PUSHES",
        setting: Loss::setting_of_broker(durability),
        durability,
        acknowledged: accepted.len(),
        found: accepted.intersection(&found).count(),
    }])
}

/// The deploys that PUSHES still tells of.
async fn left(rig: &mut Rig) -> Result<BTreeSet<Uuid>> {
    rig.start_again().await?;
    let mut world = World::default();
    world.read_pushes(&rig.jetstream().await?, &Prefix::default()).await?;
    Ok(world.pushes.iter().map(|push| push.deploy).collect())
}

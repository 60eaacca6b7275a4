//! Postgres loses power: what it had committed has to be there. Two of those who saw it committed bear witness: DEPLOYS,
//! into which the relay copies committed events, and the consumer of PUSHES, on which a push is acknowledged after its
//! commit and does not come again.

use std::{collections::BTreeSet, time::Duration};

use anyhow::{Context as _, Result};
use async_nats::jetstream::{
    self,
    consumer::{Consumer, pull},
};
use e2e::{checker::World, servers::Durability, wait};
use paas_proto::streams::{DEPLOYER, Prefix};
use uuid::Uuid;

use super::{
    pushing::{self, Pushing},
    report::Loss,
    rig::{OnDisk, Rig},
};

const PATIENCE: Duration = Duration::from_mins(10);
/// Few, or the ingress would take the processors from the intake, whose work is at stake.
const CLIENTS: usize = 2;

/// Cuts once so many pushes were taken in and so many events published.
pub(super) async fn cut(durability: Durability, taken_in: u64) -> Result<Vec<Loss>> {
    let mut rig = Rig::start(OnDisk::Database, durability).await?;
    let apps = pushing::apps(&rig.api).await?;
    rig.settle().await?;
    let jetstream = rig.jetstream().await?;
    let pushing = Pushing::start(CLIENTS, &rig.api, &apps);
    wait::until(&format!("{taken_in} pushes taken in"), PATIENCE, || async {
        let published = jetstream.get_stream(Prefix::default().deploys()).await?;
        let published = published.get_info().await?.state.messages;
        Ok((acknowledged(&jetstream).await? >= taken_in && published >= taken_in).then_some(()))
    })
    .await?;
    rig.cut().await?;
    pushing.stop().await;
    let witnesses = Witnesses::hear(&jetstream).await?;
    let left = left(&mut rig).await.unwrap_or_else(|error| {
        tracing::warn!("nothing is left of the database: {error:#}");
        World::default()
    });
    let setting = Loss::setting_of_database(durability);
    let events: BTreeSet<_> = left.events.iter().map(|event| (event.app, event.version)).collect();
    let found = witnesses.pushes.iter().filter(|deploy| left.deploys.contains_key(*deploy));
    Ok(vec![
        Loss {
            what: "events published, in Postgres",
            setting,
            durability,
            acknowledged: witnesses.events.len(),
            found: witnesses.events.intersection(&events).count(),
        },
        Loss {
            what: "pushes acknowledged to the broker, in Postgres",
            setting,
            durability,
            acknowledged: witnesses.pushes.len(),
            found: found.count(),
        },
    ])
}

/// What others saw committed.
struct Witnesses {
    /// App and version.
    events: BTreeSet<(Uuid, i64)>,
    /// Deploys.
    pushes: BTreeSet<Uuid>,
}

impl Witnesses {
    async fn hear(jetstream: &jetstream::Context) -> Result<Self> {
        let floor = acknowledged(jetstream).await?;
        let mut world = World::default();
        world.read_copy(jetstream, &Prefix::default()).await?;
        world.read_pushes(jetstream, &Prefix::default()).await?;
        let settled = world.pushes.iter().filter(|push| push.stored_at.1 <= floor);
        let pushes = settled.map(|push| push.deploy).collect();
        Ok(Self { events: world.copy.into_iter().collect(), pushes })
    }
}

/// Up to which place in PUSHES everything is acknowledged.
async fn acknowledged(jetstream: &jetstream::Context) -> Result<u64> {
    let consumer: Consumer<pull::Config> = jetstream
        .get_consumer_from_stream(DEPLOYER, Prefix::default().pushes())
        .await
        .context("the deployer's consumer")?;
    Ok(consumer.get_info().await?.ack_floor.stream_sequence)
}

async fn left(rig: &mut Rig) -> Result<World> {
    rig.start_again().await?;
    let mut world = World::default();
    world.read_tables(&rig.database().await?).await?;
    Ok(world)
}

//! Coming to rest: everything that was accepted has ended, every message is settled, every event is published. Then the
//! record is whole, and the checker may read it.

use std::{collections::BTreeSet, time::Duration};

use anyhow::Result;
use async_nats::jetstream::consumer::{Consumer, pull};
use paas_proto::streams::{DEPLOYER, Prefix};
use uuid::Uuid;

use super::{PATIENCE, Platform};
use crate::{checker::World, wait};

impl Platform {
    /// Waits until every deploy has ended, those that were `accepted` among them, every message is settled, and nothing
    /// is left to do for any app.
    pub async fn at_rest(&self, accepted: &[Uuid], patience: Duration) -> Result<()> {
        const UNFINISHED: &str = "select count(*) from unnest($1::uuid[]) as accepted (deploy_id) \
             full join deploys using (deploy_id) where state is null \
                 or state not in ('live', 'failed', 'superseded', 'cancelled', 'duplicate')";
        let (jetstream, prefix) = (self.jetstream().await?, self.prefix()?);
        for stream in [prefix.pushes(), prefix.builds()] {
            wait::until(&format!("{stream} to be taken in"), patience, || async {
                let consumer: Consumer<pull::Config> =
                    jetstream.get_consumer_from_stream(DEPLOYER, &stream).await?;
                let info = consumer.get_info().await?;
                Ok((info.num_pending == 0 && info.num_ack_pending == 0).then_some(()))
            })
            .await?;
        }
        wait::until("every accepted deploy to end", patience, || async {
            let row = self.database().await?.query_one(UNFINISHED, &[&accepted]).await?;
            Ok((row.get::<_, i64>(0) == 0).then_some(()))
        })
        .await?;
        // Builds of superseded deploys are still being stopped then, an event each.
        wait::until("every line to be idle", patience, || async {
            let busy = "select count(*) from lines where next_step_at is not null";
            let row = self.database().await?.query_one(busy, &[]).await?;
            Ok((row.get::<_, i64>(0) == 0).then_some(()))
        })
        .await
    }

    /// All that is on record, with what clients were promised: for the checker, once everything has come to rest.
    pub async fn world(&self, accepted: Vec<Uuid>) -> Result<World> {
        self.copied().await?;
        let (jetstream, prefix) = (self.jetstream().await?, self.prefix()?);
        let mut world = World { accepted, writes: self.audit()?, ..World::default() };
        world.read_tables(&self.database().await?).await?;
        world.read_pushes(&jetstream, &prefix).await?;
        world.read_copy(&jetstream, &prefix).await?;
        world.misfolded = self.refold(world.lines.keys()).await?;
        Ok(world)
    }

    /// Waits until every event of the log is published.
    async fn copied(&self) -> Result<()> {
        let (jetstream, prefix) = (self.jetstream().await?, self.prefix()?);
        wait::until("every event to be published", PATIENCE, || async {
            let count = "select count(*) from line_events";
            let recorded = self.database().await?.query_one(count, &[]).await?.get::<_, i64>(0);
            let copy = jetstream.get_stream(prefix.deploys()).await?;
            let published = copy.get_info().await?.state.messages;
            Ok((published >= u64::try_from(recorded)?).then_some(()))
        })
        .await
    }

    /// What `deployer-svc rebuild` says of each line that is not, byte for byte, what its log folds to.
    async fn refold(&self, lines: impl Iterator<Item = &Uuid>) -> Result<Vec<String>> {
        let spec = self.wiring.rebuild()?;
        let _ = std::fs::remove_file(&spec.log);
        // It fails when a line differs, which is for the caller to say.
        let _ = spec.run(PATIENCE).await;
        let answer = std::fs::read_to_string(&spec.log)?;
        let equal: BTreeSet<_> =
            answer.lines().filter_map(|line| line.strip_suffix(" equal")).collect();
        let differing = lines.map(Uuid::to_string).filter(|line| !equal.contains(line.as_str()));
        Ok(differing.map(|line| format!("{line} in: {answer}")).collect())
    }

    /// What sets its streams apart.
    pub fn prefix(&self) -> Result<Prefix> {
        Ok(self.wiring.stream_prefix.parse()?)
    }
}

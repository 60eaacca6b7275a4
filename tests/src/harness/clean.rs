//! What a test must leave behind: nothing. Every message acknowledged, no lease held, then no database and no stream.

use std::time::Duration;

use anstream::eprintln;
use anyhow::{Context as _, Result, ensure};
use async_nats::jetstream::{self, consumer::pull};
use paas_proto::streams::{DEPLOYER, Prefix};

use super::{Platform, Replica, connect};
use crate::{background, process, proxy::Proxy, servers::Addresses, wait};

/// Longer than the broker waits before it delivers again what nobody acknowledged in time.
const PATIENCE: Duration = Duration::from_secs(45);

impl Drop for Platform {
    fn drop(&mut self) {
        let panicking = std::thread::panicking();
        if panicking {
            show_logs(self.scratch.path());
        }
        let world = World {
            checks: self.checks_world && !panicking,
            ingress: std::mem::take(&mut self.ingress),
            deployer: std::mem::take(&mut self.deployer),
            cluster: self.cluster.take(),
            forge: self.forge_process.take(),
            balancers: std::mem::take(&mut self.balancers),
            direct: self.direct.clone(),
            database: self.database.clone(),
            prefix: self.database.parse().unwrap_or_default(),
        };
        self.links.restore();
        let result = background::block_on(world.end()).and_then(|result| result);
        if let (Err(error), false) = (result, panicking) {
            show_logs(self.scratch.path());
            #[expect(clippy::panic, reason = "a test that leaves an unclean world has failed")]
            {
                panic!("the test left an unclean world: {error:#}");
            }
        }
    }
}

/// What is left to end.
struct World {
    checks: bool,
    ingress: Vec<Replica>,
    deployer: Vec<Replica>,
    cluster: Replica,
    forge: Replica,
    balancers: Vec<Proxy>,
    direct: Addresses,
    database: String,
    prefix: Prefix,
}

impl World {
    async fn end(mut self) -> Result<()> {
        let client = async_nats::connect(&self.direct.nats_url).await?;
        let jetstream = jetstream::new(client);
        let checked = if self.checks { self.check(&jetstream).await } else { Ok(()) };
        for replica in self.ingress.iter_mut().chain(&mut self.deployer) {
            replica.kill().await?;
        }
        self.cluster.kill().await?;
        self.forge.kill().await?;
        drop(self.balancers);
        for stream in [self.prefix.pushes(), self.prefix.builds(), self.prefix.deploys()] {
            jetstream.delete_stream(stream).await?;
        }
        let server = connect(&self.direct.database("postgres")).await?;
        server.batch_execute(&format!("drop database {} with (force)", self.database)).await?;
        checked
    }

    async fn check(&mut self, jetstream: &jetstream::Context) -> Result<()> {
        let has_deployers = self.deployer.iter_mut().any(Replica::is_running);
        if has_deployers {
            for stream in [self.prefix.pushes(), self.prefix.builds()] {
                wait::until(&format!("{stream} to be taken in"), PATIENCE, || async {
                    let consumer: jetstream::consumer::Consumer<pull::Config> =
                        jetstream.get_consumer_from_stream(DEPLOYER, &stream).await?;
                    let info = consumer.get_info().await?;
                    Ok((info.num_pending == 0 && info.num_ack_pending == 0).then_some(()))
                })
                .await?;
            }
        }
        for replica in self.ingress.iter_mut().chain(&mut self.deployer) {
            if let Some(status) = replica.terminate().await? {
                ensure!(status.success(), "{} ended with {status}", replica.address());
            }
        }
        let database = connect(&self.direct.database_url).await?;
        let leases = "select count(*) from lines where leased_until > now()";
        let leases: i64 = database.query_one(leases, &[]).await.context("count leases")?.get(0);
        ensure!(!has_deployers || leases == 0, "{leases} leases are held by nobody");
        Ok(())
    }
}

fn show_logs(folder: &std::path::Path) {
    for (path, end) in process::ends_of_logs(folder) {
        eprintln!("--- {}\n{end}", path.display());
    }
}

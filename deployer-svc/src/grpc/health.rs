//! Whether this deployer can do its work: it serves only while the database and the broker answer.

use std::time::Duration;

use anyhow::Context as _;
use async_nats::Client;
use paas_proto::{
    deploys::deploys_server::DeploysServer,
    streams::{Limits, Prefix},
};
use tokio_util::sync::CancellationToken;
use tonic::server::NamedService;
use tonic_health::{ServingStatus, server::HealthReporter};

use super::{Deploys, Readiness};
use crate::{broker, store::Store, streams};

const SERVICE: &str = DeploysServer::<Deploys>::NAME;
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What health stands on.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) reporter: HealthReporter,
    pub(crate) readiness: Readiness,
    pub(crate) store: Store,
    pub(crate) broker: Client,
    pub(crate) prefix: Prefix,
    pub(crate) limits: Limits,
}

impl Health {
    /// Keeps the reported status true until the shutdown; from then on it is "not serving".
    pub(crate) async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut before = None;
        let mut streams_are_there = false;
        while let Some(found) =
            shutdown.run_until_cancelled(self.look(&mut streams_are_there)).await
        {
            let serving = found.is_ok();
            if before != Some(serving) {
                match found {
                    Ok(()) => tracing::info!("ready: database and broker answer"),
                    Err(error) => {
                        let error = format!("{error:#}");
                        tracing::warn!(error, "not ready; waiting for what is missing");
                    }
                }
                self.readiness.set(serving);
                report(&self.reporter, serving).await;
                before = Some(serving);
            }
            shutdown.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
        }
        self.readiness.set(false);
        report(&self.reporter, false).await;
        Ok(())
    }

    async fn look(&self, streams_are_there: &mut bool) -> anyhow::Result<()> {
        self.store.ping().await?;
        if *streams_are_there {
            return broker::ping(&self.broker).await;
        }
        match streams::check(&broker::jetstream(&self.broker), &self.prefix, self.limits).await {
            Ok(()) => {}
            Err(error @ (streams::Error::Broker { .. } | streams::Error::Missing(_))) => {
                return Err(error).context("the streams cannot be used");
            }
            Err(error) => tracing::warn!(%error, "a stream is not as configured"),
        }
        *streams_are_there = true;
        Ok(())
    }
}

/// Sets the status of the server as a whole and of its one service.
pub(super) async fn report(reporter: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    reporter.set_service_status("", status).await;
    reporter.set_service_status(SERVICE, status).await;
}

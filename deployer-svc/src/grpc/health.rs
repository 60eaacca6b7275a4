//! Whether this deployer can do its work: it serves only while the database and the broker answer.

use std::time::Duration;

use async_nats::Client;
use paas_proto::deploys::deploys_server::DeploysServer;
use tokio_util::sync::CancellationToken;
use tonic_health::{ServingStatus, server::HealthReporter};

use super::Deploys;
use crate::{broker, store::Store};

const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What health stands on.
#[derive(Clone)]
pub(crate) struct Health {
    pub(crate) reporter: HealthReporter,
    pub(crate) store: Store,
    pub(crate) broker: Client,
}

impl Health {
    /// Keeps the reported status true until the shutdown; from then on it is "not serving".
    pub(crate) async fn run(self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let mut serving = false;
        while !shutdown.is_cancelled() {
            let Some(found) = shutdown.run_until_cancelled(self.look()).await else { break };
            match (&found, serving) {
                (Ok(()), false) => tracing::info!("ready: database and broker answer"),
                (Err(error), true) => {
                    tracing::error!(
                        error = format!("{error:#}"),
                        "not ready; waiting for what is missing"
                    );
                }
                (Ok(()), true) | (Err(_), false) => {}
            }
            serving = found.is_ok();
            self.report(serving).await;
            shutdown.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await;
        }
        self.report(false).await;
        Ok(())
    }

    async fn look(&self) -> anyhow::Result<()> {
        self.store.ping().await?;
        broker::ping(&self.broker).await
    }

    async fn report(&self, serving: bool) {
        set(&self.reporter, serving).await;
    }
}

/// Sets the status of the server as a whole and of its one service.
pub(super) async fn set(reporter: &HealthReporter, serving: bool) {
    let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
    reporter.set_service_status("", status).await;
    reporter.set_service_status(NAME, status).await;
}

const NAME: &str = <DeploysServer<Deploys> as tonic::server::NamedService>::NAME;

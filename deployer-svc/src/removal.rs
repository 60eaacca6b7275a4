//! Deletes what deleted apps still have on the cluster, where whoever deleted them could not see to it.

use std::{convert::Infallible, time::Duration};

use paas_proto::cluster::{App as AppMessage, RemoveRequest};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff,
    cluster_port::Cluster,
    store::{self, App, Store},
};

const EVERY: Duration = Duration::from_secs(30);
/// Apps at a time.
const BATCH: u32 = 50;

/// Works until the shutdown. Replicas may do so side by side: what is gone stays gone.
pub(crate) async fn run(store: Store, cluster: Cluster, shutdown: CancellationToken) {
    let work = async {
        loop {
            sleep(backoff::jittered(EVERY)).await;
            if let Err(error) = remove_all(&store, &cluster).await {
                tracing::debug!(%error, "deleted apps cannot be looked for now");
            }
        }
    };
    let _: Option<Infallible> = Box::pin(shutdown.run_until_cancelled(work)).await;
}

async fn remove_all(store: &Store, cluster: &Cluster) -> Result<(), store::Error> {
    for app in store.apps_to_remove(BATCH).await? {
        match cluster.remove(request(&app)).await {
            Ok(()) => {
                store.app_removed(app.id).await?;
                tracing::info!(app.id = %app.id, "the cluster has nothing of a deleted app any more");
            }
            Err(error) => {
                tracing::warn!(app.id = %app.id, %error, "a deleted app is still on the cluster; trying later");
            }
        }
    }
    Ok(())
}

/// Everything that is the app's.
pub(crate) fn request(app: &App) -> RemoveRequest {
    let App { id, name, tenant_id } = app;
    let app =
        AppMessage { app_id: id.to_string(), name: name.clone(), tenant_id: tenant_id.to_string() };
    RemoveRequest { app: Some(app) }
}

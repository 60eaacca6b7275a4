//! The cluster's own word that something moved, handed to the runner. A lost watch costs only the wait for its poll.

use std::{collections::HashSet, time::Duration};

use futures_util::{StreamExt as _, stream};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    backoff,
    cluster_port::{Cluster, Error},
    store::Store,
};

/// A rollout changes its Deployment many times within moments: that is one hint.
const BURST: Duration = Duration::from_millis(100);
/// Each is a transaction of its own.
const WAKES_AT_ONCE: usize = 4;
const LARGEST_BURST: usize = 256;

/// Watches the cluster until the shutdown, again whenever the watch breaks.
pub(crate) async fn run(
    store: Store,
    cluster: Cluster,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut failures = 0;
    while !shutdown.is_cancelled() {
        let Some(ended) =
            shutdown.run_until_cancelled(watch(&store, &cluster, &mut failures)).await
        else {
            break;
        };
        failures += 1;
        let error = ended.err().map_or_else(|| "it ended".to_owned(), |error| error.to_string());
        let wait = backoff::short_delay(failures);
        // Streams end now and then, by the agent's restart or the API server's limit: no reason to alarm anybody.
        if failures == 2 {
            tracing::warn!(error, ?wait, "the cluster cannot be watched; its state is polled");
        } else {
            tracing::debug!(error, ?wait, "the watch of the cluster is taken up again");
        }
        shutdown.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
    Ok(())
}

async fn watch(store: &Store, cluster: &Cluster, failures: &mut u32) -> Result<(), Error> {
    let hints = cluster.watch().await?;
    let mut bursts = std::pin::pin!(hints.ready_chunks(LARGEST_BURST));
    while let Some(burst) = bursts.next().await {
        *failures = 0;
        let wakes = stream::iter(apps(burst)?).map(|app| store.wake(app));
        let woken: Vec<_> = wakes.buffer_unordered(WAKES_AT_ONCE).collect().await;
        // The hints are lost with the error; the poll is not.
        if let Some(error) = woken.into_iter().find_map(Result::err) {
            tracing::debug!(%error, "hints were lost");
        }
        tokio::time::sleep(BURST).await;
    }
    Ok(())
}

/// The apps that a burst of hints is about, each once; what is no app of ours is left out.
fn apps(
    burst: Vec<Result<paas_proto::cluster::WatchResponse, Error>>,
) -> Result<HashSet<Uuid>, Error> {
    let hints = burst.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(hints.iter().filter_map(|hint| Uuid::try_parse(&hint.app_id).ok()).collect())
}

#[cfg(test)]
mod tests {
    use paas_proto::cluster::WatchResponse;

    use super::*;

    fn hint(app: &str) -> WatchResponse {
        WatchResponse { app_id: app.to_owned(), deploy_id: String::new() }
    }

    #[test]
    fn a_burst_wakes_each_app_once() {
        let app = Uuid::from_u128(1);
        let burst = [&app.to_string(), "somebody-elses", &app.to_string()].map(|app| Ok(hint(app)));
        assert_eq!(apps(burst.into()).unwrap(), HashSet::from([app]));
    }

    #[test]
    fn a_broken_watch_is_taken_up_again() {
        assert!(apps(vec![Err(Error::Transient("gone".to_owned()))]).is_err());
    }
}

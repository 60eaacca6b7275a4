//! Hints that something moved. Neither watch ends: an expired history is listed anew, a broken stream is opened again
//! with growing pauses. Whoever listens reads the state itself, so a hint too many or too few does no harm.

use futures_util::stream::{self, BoxStream, Stream, StreamExt as _};
use kube::ResourceExt;
use kube::runtime::WatchStreamExt as _;
use kube::runtime::watcher::{self, Config, Event, watcher};
use paas_proto::cluster::WatchResponse;
use tonic::Status;

use crate::agent::Agent;
use crate::{APP_ID, DEPLOY_ID};

impl Agent {
    /// Which app's builds or rollouts moved, for ever.
    pub(crate) fn hints(&self) -> BoxStream<'static, Result<WatchResponse, Status>> {
        let builds = watcher(self.runs(), Config::default().labels(DEPLOY_ID)).default_backoff();
        let rollouts =
            watcher(self.deployments(), Config::default().labels(APP_ID)).default_backoff();
        stream::select(hints_of(builds), hints_of(rollouts)).map(Ok).boxed()
    }
}

fn hints_of<K: ResourceExt>(
    events: impl Stream<Item = Result<Event<K>, watcher::Error>> + Send,
) -> impl Stream<Item = WatchResponse> + Send {
    events.filter_map(|event| {
        let hint = match event {
            Ok(Event::Apply(object) | Event::InitApply(object) | Event::Delete(object)) => {
                hint(&object)
            }
            Ok(Event::Init | Event::InitDone) => None,
            Err(error) => {
                tracing::warn!(%error, "a watch broke off, it is opened again");
                None
            }
        };
        std::future::ready(hint)
    })
}

fn hint(object: &impl ResourceExt) -> Option<WatchResponse> {
    let app_id = object.labels().get(APP_ID)?.clone();
    let deploy_id = object.labels().get(DEPLOY_ID).cloned().unwrap_or_default();
    Some(WatchResponse { app_id, deploy_id })
}

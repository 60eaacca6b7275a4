//! A deploy as it changes: read again at each word of its line, and now and then without.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use paas_proto::deploys::WatchDeployResponse;
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio_util::sync::CancellationToken;
use tonic::Status;
use uuid::Uuid;

use super::{errors, messages};
use crate::store::{DeploySummary, Store};

/// Word of a change may be lost.
const POLL: Duration = Duration::from_secs(2);

pub(super) struct Watch {
    pub(super) store: Store,
    pub(super) news: Receiver<Uuid>,
    pub(super) shutdown: CancellationToken,
    /// What the caller was told last.
    pub(super) told: DeploySummary,
}

impl Watch {
    /// The deploy now and after each change, until it has ended.
    pub(super) fn stream(
        self,
    ) -> impl Stream<Item = Result<WatchDeployResponse, Status>> + Send + use<> {
        let first = answer(self.told.clone());
        let rest = stream::unfold(Some(self), |watch| async {
            let mut watch = watch.filter(|watch| !watch.told.state.has_ended())?;
            match watch.change().await {
                Ok(deploy) => Some((Ok(answer(deploy)), Some(watch))),
                Err(status) => Some((Err(status), None)),
            }
        });
        stream::iter([Ok(first)]).chain(rest)
    }

    async fn change(&mut self) -> Result<DeploySummary, Status> {
        loop {
            tokio::select! {
                () = self.shutdown.cancelled() => return Err(errors::draining()),
                () = until_news(&mut self.news, self.told.app) => {}
                () = tokio::time::sleep(POLL) => {}
            }
            let id = self.told.id;
            let found = self.store.deploy(id).await.map_err(errors::of_store)?;
            let deploy = found.ok_or_else(|| errors::no_deploy(id))?;
            if deploy != self.told {
                self.told = deploy.clone();
                return Ok(deploy);
            }
        }
    }
}

async fn until_news(news: &mut Receiver<Uuid>, app: Uuid) {
    loop {
        match news.recv().await {
            Ok(other) if other != app => {}
            Ok(_) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn answer(deploy: DeploySummary) -> WatchDeployResponse {
    WatchDeployResponse { deploy: Some(messages::deploy(deploy)) }
}

//! Releases, and the deletion of an app: parse, have it done, answer.

use deploy_domain::{DeployId, Rejection};
use paas_proto::deploys::{ListReleasesRequest, ListReleasesResponse, Release, RollBackRequest};
use tonic::Status;
use uuid::Uuid;

use super::{
    deploys::{Deploys, LARGEST_PAGE},
    errors, messages,
};
use crate::{removal, store::ReleaseSummary};

/// So many can be rolled back to.
const DEFAULT_PAGE: u32 = 10;

impl Deploys {
    pub(super) async fn listed_releases(
        &self,
        request: ListReleasesRequest,
    ) -> Result<ListReleasesResponse, Status> {
        let app = messages::id("app_id", &request.app_id)?;
        let below = messages::optional_number("page_token", &request.page_token)?;
        let size = match request.page_size {
            0 => DEFAULT_PAGE,
            size => size.min(LARGEST_PAGE),
        };
        self.app(app).await?;
        // One more than is answered: whether there is another page.
        let mut found =
            self.store.releases(app, below, size + 1).await.map_err(errors::of_store)?;
        let more = found.len() > size as usize;
        found.truncate(size as usize);
        let last = found.last().filter(|_| more);
        Ok(ListReleasesResponse {
            next_page_token: last.map(|last| last.number.to_string()).unwrap_or_default(),
            releases: found.into_iter().map(release).collect(),
        })
    }

    /// The deploy whose image is to go live again; `None` where the request names neither it nor a release.
    pub(super) async fn wanted(
        &self,
        app: Uuid,
        request: &RollBackRequest,
    ) -> Result<Option<DeployId>, Status> {
        let deploy = messages::optional_id("deploy_id", &request.deploy_id)?.map(DeployId);
        match (deploy, request.release) {
            (deploy, 0) => Ok(deploy),
            (Some(_), _) => Err(Status::invalid_argument("name a deploy_id or a release")),
            (None, number) => {
                let by = self.store.released_by(app, number).await.map_err(errors::of_store)?;
                by.map(Some).ok_or_else(|| errors::of_command(Rejection::NoSuchRelease.into()))
            }
        }
    }

    /// Deletes an app, then what it has on the cluster. When the latter fails it is done later; asking again tries at
    /// once.
    pub(super) async fn removed(&self, app: Uuid, by: String) -> Result<(), Status> {
        let app = self.store.delete_app(app).await.map_err(errors::of_removal)?;
        tracing::info!(app.id = %app.id, app.name = app.name, requested_by = by, "a person deleted an app");
        let removed = self.cluster.remove(removal::request(&app)).await;
        removed.map_err(|error| errors::of_cluster(&error))?;
        self.store.app_removed(app.id).await.map_err(errors::of_store)
    }
}

fn release(release: ReleaseSummary) -> Release {
    Release {
        number: release.number,
        deploy_id: release.deploy.to_string(),
        sha: release.sha,
        image: release.image,
        released_at: Some(messages::timestamp(release.released_at)),
        source: release.source,
        requested_by: release.requested_by.unwrap_or_default(),
        is_live: release.is_live,
        is_available: release.is_available,
    }
}

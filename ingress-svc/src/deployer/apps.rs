//! What the deployer knows of an app as a whole: its releases, its timeline, its end.

use paas_proto::deploys::{
    ListReleasesRequest, ListReleasesResponse, LogsRequest, LogsResponse, RemoveAppRequest,
};
use tonic::{Status, Streaming};

use super::Deployer;

impl Deployer {
    pub(crate) async fn releases(
        &self,
        request: ListReleasesRequest,
    ) -> Result<ListReleasesResponse, Status> {
        Ok(self.client.clone().list_releases(request).await?.into_inner())
    }

    /// The lines that are there, and, if they are followed, those that come.
    pub(crate) async fn logs(
        &self,
        request: LogsRequest,
    ) -> Result<Streaming<LogsResponse>, Status> {
        Ok(self.logs.clone().logs(request).await?.into_inner())
    }

    /// Deletes the app and what it has on the cluster; done again, it changes nothing.
    pub(crate) async fn remove_app(
        &self,
        app_id: String,
        requested_by: String,
    ) -> Result<(), Status> {
        let request = RemoveAppRequest { app_id, requested_by };
        self.client.clone().remove_app(request).await.map(drop)
    }
}

//! An app's releases: what was live, and can be again.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use paas_proto::deploys::{ListReleasesRequest, Release};
use serde::Serialize;
use utoipa::ToSchema;

use super::{app_id, apps::existing, pages::Page};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    openapi::Problem,
    time::from_proto,
};

/// Unless something else is asked for.
const PAGE: u32 = 50;

/// What was live at one time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReleaseView {
    /// As people and `rollback` name it.
    #[schema(pattern = "^v[1-9][0-9]*$")]
    release: String,
    /// Counts from 1 for each app.
    #[schema(minimum = 1)]
    number: u64,
    /// The deploy that brought it.
    #[schema(value_type = Uuid)]
    deploy_id: String,
    sha: String,
    /// By digest.
    image: String,
    released_at: Option<Timestamp>,
    /// `github_webhook:<sha>`, `manual:<sha>`, `rollback:<release>` …
    source: String,
    /// Who asked for it; absent for a push.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    requested_by: String,
    /// Whether it is live now.
    is_live: bool,
    /// Whether it is one of the last ten, which can be rolled back to.
    is_available: bool,
}

/// A page of releases, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ReleasePage {
    releases: Vec<ReleaseView>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    next_page_token: String,
}

impl From<Release> for ReleaseView {
    fn from(release: Release) -> Self {
        Self {
            release: format!("v{}", release.number),
            number: release.number,
            deploy_id: release.deploy_id,
            sha: release.sha,
            image: release.image,
            released_at: release.released_at.as_ref().and_then(from_proto),
            source: release.source,
            requested_by: release.requested_by,
            is_live: release.is_live,
            is_available: release.is_available,
        }
    }
}

/// Lists an app's releases, newest first.
#[utoipa::path(get, path = "/v1/apps/{app_id}/releases", tag = "deploys", security(("token" = [])),
    params(("app_id" = Uuid, Path), Page),
    responses((status = 200, body = ReleasePage), (status = 401, body = Problem), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let page: Page = super::query(&request)?;
    let app = existing(&ingress, &caller, app_id(&request)?).await?;
    let wanted = ListReleasesRequest {
        app_id: app.id.to_string(),
        page_size: if page.page_size == 0 { PAGE } else { page.page_size },
        page_token: page.page_token,
    };
    let listed = ingress.deployer.releases(wanted).await?;
    Ok(error::ok(ReleasePage {
        releases: listed.releases.into_iter().map(ReleaseView::from).collect(),
        next_page_token: listed.next_page_token,
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_release_reads_as_documented() {
        let release = Release {
            number: 3,
            deploy_id: "d".to_owned(),
            sha: "5".repeat(40),
            image: "registry/app@sha256:1".to_owned(),
            released_at: Some(prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 }),
            source: "rollback:1".to_owned(),
            requested_by: "token ci".to_owned(),
            is_live: true,
            is_available: true,
        };
        let expected = json!({
            "release": "v3", "number": 3, "deploy_id": "d", "sha": "5".repeat(40),
            "image": "registry/app@sha256:1", "released_at": "2023-11-14T22:13:20Z", "source": "rollback:1",
            "requested_by": "token ci", "is_live": true, "is_available": true,
        });
        assert_eq!(serde_json::to_value(ReleaseView::from(release)).unwrap(), expected);
        let pushed = serde_json::to_value(ReleaseView::from(Release::default())).unwrap();
        assert!(pushed.get("requested_by").is_none(), "{pushed}");
    }
}

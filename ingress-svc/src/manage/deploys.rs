//! Deploys and the commands on them: the deployer's answers, as JSON.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use paas_proto::deploys::{Deploy, ListDeploysRequest};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{app_id, apps::existing, deploy_id};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    openapi::Problem,
    verify::Header,
};

/// Longer request ids are refused.
const MAX_REQUEST_ID_BYTES: usize = 200;

/// A deploy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeployView {
    #[schema(value_type = Uuid)]
    deploy_id: String,
    #[schema(value_type = Uuid)]
    app_id: String,
    repo: String,
    branch: String,
    sha: String,
    /// `github_webhook:<sha>`, `gitlab_webhook:<sha>`, `manual:<sha>` or `rollback:<release>`.
    source: String,
    /// One of `requested`, `building`, `built`, `rolling_out`, `rolling_back`, `live`, `failed`, `superseded`,
    /// `cancelled` and `duplicate`.
    state: &'static str,
    /// Why it is not live.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    reason: String,
    /// By digest, once it is built.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    image: String,
    created_at: Option<Timestamp>,
    updated_at: Option<Timestamp>,
    /// What happened to it.
    events: Vec<EventView>,
}

/// One thing that happened to a deploy.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EventView {
    /// Its place in the app's log.
    version: u64,
    #[serde(rename = "type")]
    name: String,
    at: Option<Timestamp>,
}

/// A page of deploys, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeployPage {
    deploys: Vec<DeployView>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "String::is_empty")]
    #[schema(required = false)]
    next_page_token: String,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// At most so many; 50 unless given, 200 at most.
    #[serde(default)]
    page_size: u32,
    /// `next_page_token` of the page before.
    #[serde(default)]
    page_token: String,
}

/// Which release to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBack {
    /// The deploy whose image goes live again; without it, the release before the live one.
    deploy_id: Option<Uuid>,
}

/// The deploy that a command makes or concerns.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Commanded {
    #[schema(value_type = Uuid)]
    deploy_id: String,
}

/// What a command did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Resumed {
    status: &'static str,
}

impl From<Deploy> for DeployView {
    fn from(deploy: Deploy) -> Self {
        let time =
            |time: Option<prost_types::Timestamp>| time.as_ref().and_then(crate::time::from_proto);
        let state = deploy.state().name();
        let event = |event: paas_proto::deploys::RecordedEvent| EventView {
            version: event.version,
            name: event.r#type,
            at: time(event.at),
        };
        Self {
            state,
            created_at: time(deploy.created_at),
            updated_at: time(deploy.updated_at),
            events: deploy.events.into_iter().map(event).collect(),
            deploy_id: deploy.deploy_id,
            app_id: deploy.app_id,
            repo: deploy.repo,
            branch: deploy.branch,
            sha: deploy.sha,
            source: deploy.source,
            reason: deploy.reason,
            image: deploy.image,
        }
    }
}

/// Lists an app's deploys, newest first.
#[utoipa::path(get, path = "/v1/apps/{app_id}/deploys", tag = "deploys", security(("token" = [])),
    params(("app_id" = Uuid, Path), Page),
    responses((status = 200, body = DeployPage), (status = 401, body = Problem), (status = 404, body = Problem),
              (status = 422, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = existing(&ingress, &caller, app_id(&request)?).await?;
    let page = web::Query::<Page>::from_query(request.query_string())
        .map_err(|error| Error::Invalid(error.to_string()))?
        .into_inner();
    let list = ListDeploysRequest {
        app_id: app.id.to_string(),
        page_size: page.page_size,
        page_token: page.page_token,
    };
    let listed = ingress.deployer.deploys(list).await?;
    Ok(error::ok(DeployPage {
        deploys: listed.deploys.into_iter().map(DeployView::from).collect(),
        next_page_token: listed.next_page_token,
    }))
}

/// Reads a deploy and what happened to it.
#[utoipa::path(get, path = "/v1/deploys/{deploy_id}", tag = "deploys", security(("token" = [])),
    params(("deploy_id" = Uuid, Path)),
    responses((status = 200, body = DeployView), (status = 401, body = Problem), (status = 404, body = Problem),
              (status = 503, body = Problem)))]
pub(crate) async fn get(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let deploy = ingress.deployer.deploy(deploy_id(&request)?.to_string()).await?;
    let deploy = deploy.ok_or(Error::NotFound("no such deploy"))?;
    Ok(error::ok(DeployView::from(deploy)))
}

/// Ends a deploy that is underway.
#[utoipa::path(post, path = "/v1/deploys/{deploy_id}/cancel", tag = "deploys", security(("token" = [])),
    params(("deploy_id" = Uuid, Path)),
    responses((status = 202, body = Commanded), (status = 401, body = Problem), (status = 404, body = Problem),
              (status = 409, description = "It has ended", body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn cancel(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let deploy_id = deploy_id(&request)?.to_string();
    ingress.deployer.cancel(deploy_id.clone()).await?;
    Ok(error::accepted(Commanded { deploy_id }))
}

/// Puts an earlier release live again, and pauses auto-deploy.
#[utoipa::path(post, path = "/v1/apps/{app_id}/rollback", tag = "deploys", security(("token" = [])),
    params(("app_id" = Uuid, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "Repeating it changes nothing")),
    request_body = RollBack,
    responses((status = 202, body = Commanded), (status = 400, body = Problem), (status = 401, body = Problem),
              (status = 404, body = Problem), (status = 409, body = Problem), (status = 422, body = Problem),
              (status = 503, body = Problem)))]
pub(crate) async fn roll_back(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = app_id(&request)?;
    let wanted: RollBack = super::read(&request, payload, &ingress).await?;
    let app = existing(&ingress, &caller, app).await?;
    let to = wanted.deploy_id.map(|deploy| deploy.to_string()).unwrap_or_default();
    let request_id = request_id(&request)?;
    let deploy_id = ingress.deployer.roll_back(app.id.to_string(), to, request_id).await?;
    Ok(error::accepted(Commanded { deploy_id }))
}

/// Builds and deploys the newest push's commit once more.
#[utoipa::path(post, path = "/v1/apps/{app_id}/redeploy", tag = "deploys", security(("token" = [])),
    params(("app_id" = Uuid, Path),
           ("Idempotency-Key" = Option<String>, Header, description = "Repeating it changes nothing")),
    responses((status = 202, body = Commanded), (status = 401, body = Problem), (status = 404, body = Problem),
              (status = 409, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn redeploy(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = existing(&ingress, &caller, app_id(&request)?).await?;
    let request_id = request_id(&request)?;
    let deploy_id = ingress.deployer.redeploy(app.id.to_string(), request_id).await?;
    Ok(error::accepted(Commanded { deploy_id }))
}

/// Resumes auto-deploy after a rollback.
#[utoipa::path(post, path = "/v1/apps/{app_id}/resume", tag = "deploys", security(("token" = [])),
    params(("app_id" = Uuid, Path)),
    responses((status = 200, body = Resumed), (status = 401, body = Problem), (status = 404, body = Problem),
              (status = 409, description = "It is not paused", body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn resume(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = existing(&ingress, &caller, app_id(&request)?).await?;
    ingress.deployer.resume(app.id.to_string()).await?;
    Ok(error::ok(Resumed { status: "auto_deploy resumed" }))
}

/// The caller's name for this request; empty when it has none.
fn request_id(request: &HttpRequest) -> Result<String, Error> {
    let id = match Header::read(request.headers(), "idempotency-key") {
        Header::Absent => "",
        Header::Once(id) if id.len() <= MAX_REQUEST_ID_BYTES => id,
        Header::Once(_) | Header::Unusable => {
            return Err(Error::Invalid(
                "Idempotency-Key must be one of at most 200 characters".to_owned(),
            ));
        }
    };
    Ok(id.to_owned())
}

#[cfg(test)]
mod tests {
    use paas_proto::deploys::{DeployState, RecordedEvent};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_deploy_reads_as_documented() {
        let at = prost_types::Timestamp { seconds: 1_700_000_000, nanos: 0 };
        let deploy = Deploy {
            deploy_id: "d".to_owned(),
            app_id: "a".to_owned(),
            repo: "acme/shop".to_owned(),
            branch: "main".to_owned(),
            sha: "5".repeat(40),
            source: "manual:5".to_owned(),
            state: DeployState::RollingOut.into(),
            created_at: Some(at),
            updated_at: Some(at),
            events: vec![RecordedEvent { version: 3, r#type: "built".to_owned(), at: Some(at) }],
            ..Deploy::default()
        };
        let view = serde_json::to_value(DeployView::from(deploy)).unwrap();
        let time = "2023-11-14T22:13:20Z";
        let expected = json!({
            "deploy_id": "d", "app_id": "a", "repo": "acme/shop", "branch": "main", "sha": "5".repeat(40),
            "source": "manual:5", "state": "rolling_out", "created_at": time, "updated_at": time,
            "events": [{ "version": 3, "type": "built", "at": time }],
        });
        assert_eq!(view, expected);
    }
}

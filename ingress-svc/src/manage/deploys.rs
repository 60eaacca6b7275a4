//! Deploys and the commands on them: the deployer's answers, as JSON.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use paas_proto::deploys::{Deploy, ListDeploysRequest, RedeployRequest, RollBackRequest};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{app_id, apps::existing, deploy_id, pages::Page};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    idempotency,
    openapi::Problem,
};

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

/// Which release to go back to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RollBack {
    /// The deploy whose image goes live again; without it, the release before the live one.
    deploy_id: Option<Uuid>,
    /// The release that goes live again, `v2` for instance; not beside `deploy_id`.
    #[schema(value_type = Option<String>, pattern = "^v[1-9][0-9]{0,17}$")]
    release: Option<ReleaseName>,
}

/// A release as people write it: `v2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ReleaseName(u64);

impl TryFrom<String> for ReleaseName {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let digits = text.strip_prefix('v').filter(|digits| digits.len() <= 18);
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
        let number = digits.and_then(|digits| digits.parse().ok()).filter(|number| *number > 0);
        number.map(Self).ok_or("release must be `v` and its number")
    }
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
    let page: Page = super::query(&request)?;
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
    let id = existing_deploy(&ingress, &caller, &request).await?;
    let deploy = ingress.deployer.deploy(id).await?;
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
    let deploy_id = existing_deploy(&ingress, &caller, &request).await?;
    ingress.deployer.cancel(deploy_id.clone(), caller.actor.to_string()).await?;
    Ok(error::accepted(Commanded { deploy_id }))
}

/// Puts an earlier release live again, and pauses auto-deploy.
#[utoipa::path(post, path = "/v1/apps/{app_id}/rollback", tag = "deploys", security(("token" = [])),
    params(("app_id" = Uuid, Path)),
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
    if wanted.deploy_id.is_some() && wanted.release.is_some() {
        return Err(Error::Invalid("deploy_id and release say the same: give one".to_owned()));
    }
    let command = RollBackRequest {
        app_id: app.id.to_string(),
        deploy_id: wanted.deploy_id.map(|deploy| deploy.to_string()).unwrap_or_default(),
        release: wanted.release.map_or(0, |release| release.0),
        requested_by: caller.actor.to_string(),
        request_id: request_id(&request)?,
    };
    let deploy_id = ingress.deployer.roll_back(command).await?;
    Ok(error::accepted(Commanded { deploy_id }))
}

/// Builds and deploys the newest push's commit once more.
#[utoipa::path(post, path = "/v1/apps/{app_id}/redeploy", tag = "deploys", security(("token" = [])),
    params(("app_id" = Uuid, Path)),
    responses((status = 202, body = Commanded), (status = 401, body = Problem), (status = 404, body = Problem),
              (status = 409, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn redeploy(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = existing(&ingress, &caller, app_id(&request)?).await?;
    let command = RedeployRequest {
        app_id: app.id.to_string(),
        requested_by: caller.actor.to_string(),
        request_id: request_id(&request)?,
    };
    let deploy_id = ingress.deployer.redeploy(command).await?;
    Ok(error::accepted(Commanded { deploy_id }))
}

/// Resumes auto-deploy after a rollback.
#[utoipa::path(post, path = "/v1/apps/{app_id}/resume", tag = "deploys", security(("token" = [])),
    params(("app_id" = Uuid, Path)),
    responses((status = 200, body = Resumed), (status = 401, body = Problem), (status = 404, body = Problem),
              (status = 409, description = "Another change came in between: ask again", body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn resume(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = existing(&ingress, &caller, app_id(&request)?).await?;
    ingress.deployer.resume(app.id.to_string(), caller.actor.to_string()).await?;
    Ok(error::ok(Resumed { status: "auto_deploy resumed" }))
}

/// The deploy in the path, if it is the tenant's.
pub(super) async fn existing_deploy(
    ingress: &Ingress,
    caller: &Caller,
    request: &HttpRequest,
) -> Result<String, Error> {
    let id = deploy_id(request)?;
    let app = ingress.store.of(caller.tenant).app_of_deploy(id).await;
    app.map_err(Error::cannot_answer)?.ok_or(Error::NotFound("no such deploy"))?;
    Ok(id.to_string())
}

/// The caller's name for this request; empty when it has none. The deployer knows it, too: a command that was cut off
/// between the two is found again.
fn request_id(request: &HttpRequest) -> Result<String, Error> {
    Ok(idempotency::key(request)?.unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use paas_proto::deploys::{DeployState, RecordedEvent};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_release_is_v_and_its_number() {
        let parsed = |text: &str| ReleaseName::try_from(text.to_owned()).map(|release| release.0);
        assert_eq!(parsed("v2"), Ok(2));
        for wrong in ["", "v", "2", "v0", "V2", "v-1", "v+1", "v2 ", "v1234567890123456789"] {
            assert!(parsed(wrong).is_err(), "{wrong}");
        }
    }

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

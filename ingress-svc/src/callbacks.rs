//! Word that a build may have moved, from the pipeline itself and from Tekton's events. Both are hints: the deployer
//! reads the run before it decides anything.

use actix_web::{HttpRequest, HttpResponse, http::header::AUTHORIZATION, web};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::Timestamp;
use paas_proto::{
    callback,
    events::{BuildReport, BuildReportOrigin},
    ids,
};
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    Ingress,
    error::{self, Error},
    exchange::Exchange,
    metrics::{self, Origin},
    receive,
    verify::Header,
};

/// The pipeline has next to nothing to say.
const MAX_CALLBACK_BYTES: usize = 64 * 1024;
/// An event carries its whole PipelineRun, which etcd bounds to 1.5 MiB.
const MAX_EVENT_BYTES: usize = 2 * 1024 * 1024;

/// What became of the word.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Heard {
    /// `queued`, or `ignored` when it is about no build of ours.
    status: &'static str,
}

/// A pipeline's last task calls back.
#[utoipa::path(post, path = "/v1/callbacks/builds/{deploy_id}", tag = "callbacks",
    params(("deploy_id" = Uuid, Path), ("x-paas-callback-token" = String, Header)),
    responses((status = 202, body = Heard), (status = 401, body = crate::openapi::Problem),
              (status = 404, body = crate::openapi::Problem), (status = 413, body = crate::openapi::Problem),
              (status = 503, body = crate::openapi::Problem)))]
pub(crate) async fn build(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
) -> Result<HttpResponse, Error> {
    let heard = hear_of_build(&request, payload, &ingress).await;
    answer(Origin::Build, heard, &ingress)
}

async fn hear_of_build(
    request: &HttpRequest,
    payload: web::Payload,
    ingress: &Ingress,
) -> Result<bool, Error> {
    receive::body(request, payload, MAX_CALLBACK_BYTES, &ingress.bodies).await?;
    let unknown = Error::NotFound("no such deploy");
    let Some(deploy) = crate::server::uuid(request, "deploy_id") else { return Err(unknown) };
    let token = Header::read(request.headers(), callback::TOKEN_HEADER).value().unwrap_or_default();
    if !ingress.keys.callback.verify(deploy, token) {
        return Err(Error::CallbackToken);
    }
    let span = Exchange::of(request, ingress).admit();
    let is_ours = pass_on(ingress, deploy, BuildReportOrigin::Callback).instrument(span).await?;
    if is_ours { Ok(true) } else { Err(unknown) }
}

/// Tekton's events controller reports. It tries again after 404, 429 and 503, but never after 400 or 500.
#[utoipa::path(post, path = "/v1/callbacks/tekton", tag = "callbacks", security(("tekton" = [])),
    request_body(content = serde_json::Value, description = "A CloudEvent in binary mode"),
    responses((status = 200, description = "About no build of ours", body = Heard), (status = 202, body = Heard),
              (status = 400, body = crate::openapi::Problem), (status = 401, body = crate::openapi::Problem),
              (status = 404, description = "Not configured", body = crate::openapi::Problem),
              (status = 503, body = crate::openapi::Problem)))]
pub(crate) async fn tekton(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
) -> Result<HttpResponse, Error> {
    let heard = hear_of_run(&request, payload, &ingress).await;
    answer(Origin::Tekton, heard, &ingress)
}

async fn hear_of_run(
    request: &HttpRequest,
    payload: web::Payload,
    ingress: &Ingress,
) -> Result<bool, Error> {
    let body = receive::body(request, payload, MAX_EVENT_BYTES, &ingress.bodies).await?;
    let Some(token) = &ingress.keys.tekton_token else { return Err(Error::NotFound("not found")) };
    let authorization = Header::read(request.headers(), AUTHORIZATION.as_str());
    let password = authorization.value().and_then(tekton_password).unwrap_or_default();
    if !token.matches(&password) {
        return Err(Error::TektonCredentials);
    }
    let event: Event = serde_json::from_slice(&body).map_err(|_| Error::MalformedJson)?;
    let span = Exchange::of(request, ingress).admit();
    let Some(deploy) = event.run_name().and_then(ids::deploy_of_run) else { return Ok(false) };
    pass_on(ingress, deploy, BuildReportOrigin::CloudEvent).instrument(span).await
}

/// The answer to word that was passed on, or ignored; and its count.
fn answer(
    origin: Origin,
    heard: Result<bool, Error>,
    ingress: &Ingress,
) -> Result<HttpResponse, Error> {
    let verdict = match &heard {
        Ok(true) => metrics::Heard::Queued,
        Ok(false) => metrics::Heard::Ignored,
        Err(error) => error.into(),
    };
    ingress.metrics.called_back(origin, verdict);
    heard.map(|is_queued| {
        if is_queued {
            error::accepted(Heard { status: "queued" })
        } else {
            error::ok(Heard { status: "ignored" })
        }
    })
}

/// Publishes the word; false when there is no such deploy.
async fn pass_on(
    ingress: &Ingress,
    deploy: Uuid,
    origin: BuildReportOrigin,
) -> Result<bool, Error> {
    let app = ingress.store.app_of_deploy(deploy).await.map_err(Error::cannot_accept)?;
    let Some(app) = app else { return Ok(false) };
    let report = BuildReport {
        app_id: app.to_string(),
        deploy_id: deploy.to_string(),
        origin: origin.into(),
        received_at: Some(crate::time::to_proto(Timestamp::now())),
    };
    let published = ingress.publisher.build(app, &report);
    ingress.metrics.publishing(published).await.map_err(Error::cannot_accept)?;
    tracing::info!(app.id = %app, deploy.id = %deploy, origin = origin.as_str_name(), "build report published");
    Ok(true)
}

/// The password of HTTP Basic, when the user is Tekton.
fn tekton_password(authorization: &str) -> Option<Vec<u8>> {
    let (scheme, encoded) = authorization.split_once(' ')?;
    let credentials = BASE64_STANDARD.decode(encoded.trim()).ok()?;
    let password = credentials.strip_prefix(b"tekton:")?;
    scheme.eq_ignore_ascii_case("basic").then(|| password.to_vec())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    pipeline_run: Option<Object>,
}

#[derive(Deserialize)]
struct Object {
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Metadata {
    name: Option<String>,
}

impl Event {
    /// Events of single tasks have none.
    fn run_name(&self) -> Option<&str> {
        self.pipeline_run.as_ref()?.metadata.as_ref()?.name.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_names_its_run() {
        let event = r#"{"pipelineRun":{"metadata":{"name":"deploy-x","uid":"1"},"status":{}}}"#;
        let event: Event = serde_json::from_str(event).unwrap();
        assert_eq!(event.run_name(), Some("deploy-x"));
    }

    #[test]
    fn an_event_of_a_task_names_none() {
        for other in [r#"{"taskRun":{"metadata":{"name":"deploy-x"}}}"#, r#"{"pipelineRun":null}"#]
        {
            assert_eq!(serde_json::from_str::<Event>(other).unwrap().run_name(), None, "{other}");
        }
    }

    #[test]
    fn only_tekton_has_a_password() {
        let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
        assert_eq!(tekton_password(&basic("tekton:p:w")), Some(b"p:w".to_vec()));
        assert_eq!(tekton_password(&basic("admin:p")), None);
        assert_eq!(tekton_password("Bearer p"), None);
        assert_eq!(tekton_password("Basic ???"), None);
    }
}

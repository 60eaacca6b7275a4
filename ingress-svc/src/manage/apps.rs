//! Apps: made, listed and read.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{app_id, input::AppName};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    openapi::Problem,
    store,
};

/// An app to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewApp {
    /// A DNS label of at most 40 characters; unique.
    #[schema(value_type = String, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
    name: AppName,
}

/// An app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppView {
    id: Uuid,
    name: String,
    /// Where it is served once it is live.
    url: String,
    created_at: Timestamp,
}

/// All apps.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppList {
    apps: Vec<AppView>,
}

fn view(ingress: &Ingress, app: store::App) -> AppView {
    let url = ingress.config.app_url(&app.name);
    AppView { id: app.id, name: app.name, url, created_at: app.created_at }
}

/// Makes an app.
#[utoipa::path(post, path = "/v1/apps", tag = "apps", security(("token" = [])), request_body = NewApp,
    responses((status = 201, body = AppView), (status = 400, body = Problem), (status = 401, body = Problem),
              (status = 409, description = "The name is taken", body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn create(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let new: NewApp = super::read(&request, payload, &ingress).await?;
    let made = ingress.store.of(caller.tenant).create_app(Uuid::now_v7(), new.name.as_str()).await;
    let Some(app) = made.map_err(Error::cannot_answer)? else {
        return Err(Error::Conflict("an app of this name exists".to_owned()));
    };
    tracing::info!(app.id = %app.id, app.name = app.name, "app made");
    Ok(error::created(view(&ingress, app)))
}

/// Lists the apps by name.
#[utoipa::path(get, path = "/v1/apps", tag = "apps", security(("token" = [])),
    responses((status = 200, body = AppList), (status = 401, body = Problem)))]
pub(crate) async fn list(
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let apps = ingress.store.of(caller.tenant).apps().await.map_err(Error::cannot_answer)?;
    Ok(error::ok(AppList { apps: apps.into_iter().map(|app| view(&ingress, app)).collect() }))
}

/// Reads an app.
#[utoipa::path(get, path = "/v1/apps/{app_id}", tag = "apps", security(("token" = [])),
    params(("app_id" = Uuid, Path)),
    responses((status = 200, body = AppView), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn get(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    Ok(error::ok(view(&ingress, existing(&ingress, &caller, app_id(&request)?).await?)))
}

/// The app, or that there is none.
pub(super) async fn existing(
    ingress: &Ingress,
    caller: &Caller,
    id: Uuid,
) -> Result<store::App, Error> {
    let app = ingress.store.of(caller.tenant).app(id).await.map_err(Error::cannot_answer)?;
    app.ok_or(Error::NotFound("no such app"))
}

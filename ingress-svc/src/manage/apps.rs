//! Apps: made, listed and read.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    app_id,
    input::AppName,
    pages::{self, Page},
    webhook,
};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    hooks, idempotency,
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

/// A page of apps, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppList {
    apps: Vec<AppView>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
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
    let made = ingress
        .store
        .of(caller.tenant)
        .create_app(idempotency::id(&request), new.name.as_str())
        .await;
    let Some(app) = made.map_err(Error::cannot_answer)? else {
        return Err(Error::Conflict("an app of this name exists".to_owned()));
    };
    tracing::info!(app.id = %app.id, app.name = app.name, "app made");
    Ok(error::created(view(&ingress, app)))
}

/// Lists the apps by name.
#[utoipa::path(get, path = "/v1/apps", tag = "apps", security(("token" = [])),
    params(Page), responses((status = 200, body = AppList)))]
pub(crate) async fn list(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let page: Page = super::query(&request)?;
    let after = page.after::<AppName>()?;
    let after = after.as_ref().map_or("", AppName::as_str);
    let apps = ingress.store.of(caller.tenant).apps(after, page.rows()).await;
    let (apps, next_page_token) =
        page.cut(apps.map_err(Error::cannot_answer)?, |app| pages::token(&app.name));
    let apps = apps.into_iter().map(|app| view(&ingress, app)).collect();
    Ok(error::ok(AppList { apps, next_page_token }))
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

/// What became of an app.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeletedApp {
    status: &'static str,
}

/// Deletes an app: what runs of it, its link, and its webhook at the provider. Its history stays on record, and its name
/// is free again. One that was cut off is finished by asking again.
#[utoipa::path(delete, path = "/v1/apps/{app_id}", tag = "apps", params(("app_id" = Uuid, Path)),
    responses((status = 200, body = DeletedApp),
              (status = 409, description = "A deploy is underway", body = Problem)))]
pub(crate) async fn delete(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = app_id(&request)?;
    let left = ingress.store.of(caller.tenant).is_app_left(app).await;
    if !left.map_err(Error::cannot_answer)? {
        return Err(Error::NotFound("no such app"));
    }
    // First what can be refused; then nothing is accepted for the app, whatever its provider goes on sending.
    ingress.deployer.remove_app(app.to_string(), caller.actor.to_string()).await?;
    hooks::unlink(ingress, caller.tenant, app).await.map_err(webhook::error)?;
    tracing::info!(app.id = %app, "app deleted");
    Ok(error::ok(DeletedApp { status: "deleted" }))
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

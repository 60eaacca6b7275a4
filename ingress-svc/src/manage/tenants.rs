//! Tenants: made and listed by the operator.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    input::AppName,
    pages::{self, Page},
};
use crate::{
    Ingress,
    error::{self, Error},
    idempotency,
    openapi::Problem,
    store::Tenant,
};

/// A tenant to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTenant {
    /// A DNS label of at most 40 characters, as an app's name; unique.
    #[schema(value_type = String, max_length = 40, pattern = "^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$")]
    name: AppName,
}

/// A tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantView {
    id: Uuid,
    name: String,
    created_at: Timestamp,
}

/// A page of tenants, by name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantPage {
    tenants: Vec<TenantView>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_page_token: Option<String>,
}

impl From<Tenant> for TenantView {
    fn from(tenant: Tenant) -> Self {
        Self { id: tenant.id, name: tenant.name, created_at: tenant.created_at }
    }
}

/// Makes a tenant.
#[utoipa::path(post, path = "/v1/tenants", tag = "access", request_body = NewTenant,
    responses((status = 201, body = TenantView), (status = 409, description = "The name is taken", body = Problem)))]
pub(crate) async fn create(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
) -> Result<HttpResponse, Error> {
    let new: NewTenant = super::read(&request, payload, &ingress).await?;
    let id = idempotency::id(&request);
    let made = ingress.store.create_tenant(id, new.name.as_str()).await;
    let Some(tenant) = made.map_err(Error::cannot_answer)? else {
        return Err(Error::Conflict("a tenant of this name exists".to_owned()));
    };
    tracing::info!(tenant.id = %tenant.id, tenant.name = tenant.name, "tenant made");
    Ok(error::created(TenantView::from(tenant)))
}

/// Lists the tenants by name.
#[utoipa::path(get, path = "/v1/tenants", tag = "access", params(Page), responses((status = 200, body = TenantPage)))]
pub(crate) async fn list(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
) -> Result<HttpResponse, Error> {
    let page: Page = super::query(&request)?;
    let after = page.after::<AppName>()?;
    let after = after.as_ref().map_or("", AppName::as_str);
    let tenants = ingress.store.tenants(after, page.rows()).await;
    let (tenants, next_page_token) =
        page.cut(tenants.map_err(Error::cannot_answer)?, |tenant| pages::token(&tenant.name));
    let tenants = tenants.into_iter().map(TenantView::from).collect();
    Ok(error::ok(TenantPage { tenants, next_page_token }))
}

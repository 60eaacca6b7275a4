//! The audit log, as a tenant's admins read it.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::pages::{self, Page};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    store::AuditEntry,
};

/// A change that somebody asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditEntryView {
    id: Uuid,
    at: Timestamp,
    /// `operator`, or `token` and its name.
    actor: String,
    /// Method and pattern of the route.
    action: String,
    /// What the path named.
    target: String,
    /// The address that it came from.
    client: String,
    /// Of the answer; absent while it is not known how the change ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status: Option<i32>,
}

/// A page of changes, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditPage {
    entries: Vec<AuditEntryView>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_page_token: Option<String>,
}

impl From<AuditEntry> for AuditEntryView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            target: entry.target,
            client: entry.client,
            status: entry.status,
        }
    }
}

/// Lists who changed what, newest first.
#[utoipa::path(get, path = "/v1/audit", tag = "access", params(Page), responses((status = 200, body = AuditPage)))]
pub(crate) async fn list(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let page: Page = super::query(&request)?;
    let before = page.after::<pages::Id>()?.map(|id| id.0);
    let entries = ingress.store.of(caller.tenant).audit(before, page.rows()).await;
    let (entries, next_page_token) =
        page.cut(entries.map_err(Error::cannot_answer)?, |entry| pages::token(&entry.id));
    let entries = entries.into_iter().map(AuditEntryView::from).collect();
    Ok(error::ok(AuditPage { entries, next_page_token }))
}

//! What became of an app's deliveries.

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use telemetry::Label as _;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{app_id, apps::existing};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    ledger::Verdict,
    openapi::Problem,
    store::LedgerRow,
};

const PAGE_SIZE: u32 = 50;
const MAX_PAGE_SIZE: u32 = 200;

/// An authentic delivery, or a push that the sweeper found, and what became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryView {
    id: i64,
    received_at: Timestamp,
    provider: String,
    /// `webhook`, or `sweep` for a push of which no delivery came.
    origin: String,
    /// As the provider shows it in its list.
    delivery_id: String,
    /// As the provider calls it, for instance `push`.
    event: String,
    /// What became of it, for instance `queued` or `branch_mismatch`.
    verdict: String,
    /// The deploy that it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    deploy_id: Option<Uuid>,
    /// The commit that was pushed.
    #[serde(skip_serializing_if = "Option::is_none")]
    sha: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    branch: Option<String>,
    /// Which of the app's secrets it showed, `current` or `previous`; absent when it was signed with the signing token.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

/// A page of deliveries, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryPage {
    deliveries: Vec<DeliveryView>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_page_token: Option<String>,
}

/// Which deliveries.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wanted {
    /// Only those with this verdict.
    verdict: Option<String>,
    /// At most so many; 50 unless given, 200 at most.
    #[serde(default)]
    page_size: u32,
    /// `next_page_token` of the page before.
    #[serde(default)]
    page_token: String,
}

impl Wanted {
    fn verdict(&self) -> Result<Option<&'static str>, Error> {
        let Some(name) = self.verdict.as_deref() else { return Ok(None) };
        let known = Verdict::ALL.iter().map(|verdict| verdict.value());
        let found = known.clone().find(|known| *known == name);
        found.map(Some).ok_or_else(|| {
            let all: Vec<_> = known.collect();
            Error::Invalid(format!("verdict must be one of {}", all.join(", ")))
        })
    }

    fn page_size(&self) -> u32 {
        if self.page_size == 0 { PAGE_SIZE } else { self.page_size.min(MAX_PAGE_SIZE) }
    }

    /// Numbers go down from page to page.
    fn below(&self) -> Result<i64, Error> {
        if self.page_token.is_empty() {
            return Ok(i64::MAX);
        }
        self.page_token.parse().map_err(|_| Error::Invalid("no such page".to_owned()))
    }
}

impl From<LedgerRow> for DeliveryView {
    fn from(row: LedgerRow) -> Self {
        Self {
            id: row.number,
            received_at: row.received_at,
            provider: row.provider,
            origin: row.origin,
            delivery_id: row.delivery_id,
            event: row.event,
            verdict: row.verdict,
            deploy_id: row.deploy_id,
            sha: row.sha,
            branch: row.branch,
            secret: row.secret,
        }
    }
}

/// Lists what became of an app's deliveries, newest first.
#[utoipa::path(get, path = "/v1/apps/{app_id}/deliveries", tag = "git", security(("token" = [])),
    params(("app_id" = Uuid, Path), Wanted),
    responses((status = 200, body = DeliveryPage), (status = 401, body = Problem), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 422, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn list(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = existing(&ingress, &caller, app_id(&request)?).await?;
    let wanted = web::Query::<Wanted>::from_query(request.query_string())
        .map_err(|error| Error::Invalid(error.to_string()))?
        .into_inner();
    let size = wanted.page_size();
    // One more than wanted tells whether there is another page.
    let tenancy = ingress.store.of(caller.tenant);
    let rows = tenancy
        .deliveries(app.id, wanted.verdict()?, wanted.below()?, i64::from(size) + 1)
        .await
        .map_err(Error::cannot_answer)?;
    Ok(error::ok(page(rows, usize::try_from(size).unwrap_or(usize::MAX))))
}

fn page(mut rows: Vec<LedgerRow>, size: usize) -> DeliveryPage {
    let is_last = rows.len() <= size;
    rows.truncate(size);
    let next_page_token = rows.last().filter(|_| !is_last).map(|row| row.number.to_string());
    DeliveryPage { deliveries: rows.into_iter().map(DeliveryView::from).collect(), next_page_token }
}

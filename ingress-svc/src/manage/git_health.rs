//! Why nothing happens when somebody pushes.

use actix_web::{HttpRequest, HttpResponse, web};

use super::{app_id, apps::existing};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    git_health::{self, Facts, Health},
    openapi::Problem,
};

/// Says whether a push to an app's branch would go live, and if not, why and what to do.
#[utoipa::path(get, path = "/v1/apps/{app_id}/git/health", tag = "git", security(("token" = [])),
    params(("app_id" = Uuid, Path)),
    responses((status = 200, body = Health), (status = 401, body = Problem), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn get(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = existing(&ingress, &caller, app_id(&request)?).await?;
    let facts =
        Facts::gather(&ingress, caller.tenant, app.id).await.map_err(Error::cannot_answer)?;
    Ok(error::ok(git_health::judge(facts.as_ref())))
}

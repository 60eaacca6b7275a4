//! What a token is: whose, and good for what.

use actix_web::{HttpResponse, web};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    Ingress,
    access::{Actor, Caller},
    error::{self, Error},
};

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Whoami {
    tenant: TenantName,
    /// `operator` or `token`.
    #[schema(pattern = "^(operator|token)$")]
    actor: &'static str,
    /// `read`, `deploy` or `admin`.
    #[schema(pattern = "^(read|deploy|admin)$")]
    scope: &'static str,
    /// Absent for the operator's.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<TokenName>,
}

/// For which tenant.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantName {
    id: Uuid,
    name: String,
}

/// With which token.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenName {
    id: Uuid,
    name: String,
    /// Its first characters.
    prefix: String,
    /// Absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    expires_at: Option<Timestamp>,
}

/// Says whose the presented token is, and what it is good for.
#[utoipa::path(get, path = "/v1/whoami", tag = "access", responses((status = 200, body = Whoami)))]
pub(crate) async fn get(
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let tenant = ingress.store.tenant(caller.tenant).await.map_err(Error::cannot_answer)?;
    let tenant = tenant.ok_or(Error::NotFound("no such tenant"))?;
    let (actor, token) = match &caller.actor {
        Actor::Operator => ("operator", None),
        Actor::Token { id, .. } => {
            let token = ingress.store.of(caller.tenant).token(*id).await;
            ("token", token.map_err(Error::cannot_answer)?)
        }
    };
    Ok(error::ok(Whoami {
        tenant: TenantName { id: tenant.id, name: tenant.name },
        actor,
        scope: caller.scope.name(),
        token: token.map(|token| TokenName {
            id: token.id,
            name: token.name,
            prefix: token.prefix,
            expires_at: token.expires_at,
        }),
    }))
}

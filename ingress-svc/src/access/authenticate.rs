//! Whose request it is: the operator's token, or a row of `api_tokens`.

use actix_web::{HttpRequest, http::header::AUTHORIZATION};

use super::{Actor, Caller, Scope};
use crate::{
    Ingress,
    error::Error,
    token::{self, TokenHash},
    verify::Header,
};

/// For which tenant the operator acts.
const TENANT: &str = "x-paas-tenant";

/// Reads who asks.
pub(crate) async fn caller(request: &HttpRequest, ingress: &Ingress) -> Result<Caller, Error> {
    let header = Header::read(request.headers(), AUTHORIZATION.as_str());
    let presented = bearer_token(header).ok_or(Error::ApiToken)?;
    let tenant = Header::read(request.headers(), TENANT);
    if ingress.keys.api_token.matches(presented.as_bytes()) {
        return operator(tenant, ingress).await;
    }
    if !token::is_possible(presented) {
        return Err(Error::ApiToken);
    }
    let hash = TokenHash::of(presented.as_bytes());
    let holder = ingress.store.holder(hash.bytes()).await.map_err(Error::cannot_answer)?;
    let holder = holder.ok_or(Error::ApiToken)?;
    if !matches!(tenant, Header::Absent) {
        return Err(Error::Forbidden("X-Paas-Tenant is for the operator's token".to_owned()));
    }
    if holder.is_use_new {
        note_use(ingress, holder.token);
    }
    let actor = Actor::Token { id: holder.token, name: holder.name };
    Ok(Caller { tenant: holder.tenant, actor, scope: holder.scope })
}

async fn operator(tenant: Header<'_>, ingress: &Ingress) -> Result<Caller, Error> {
    let operator = Caller::operator();
    let name = match tenant {
        Header::Absent => return Ok(operator),
        Header::Once(name) => name,
        Header::Unusable => return Err(Error::NotFound("no such tenant")),
    };
    let tenant = ingress.store.tenant_named(name).await.map_err(Error::cannot_answer)?;
    let tenant = tenant.ok_or(Error::NotFound("no such tenant"))?;
    Ok(Caller { tenant: tenant.id, scope: Scope::Admin, ..operator })
}

/// Beside the request, which does not wait for it.
fn note_use(ingress: &Ingress, token: uuid::Uuid) {
    let store = ingress.store.clone();
    tokio::spawn(async move {
        if let Err(error) = store.token_used(token).await {
            tracing::debug!(
                error = &error as &dyn std::error::Error,
                "a token's use was not noted"
            );
        }
    });
}

fn bearer_token(header: Header<'_>) -> Option<&str> {
    let (scheme, token) = header.value()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_as_bearer() {
        assert_eq!(bearer_token(Header::Once("Bearer token")), Some("token"));
        assert_eq!(bearer_token(Header::Once("bearer token")), Some("token"));
        for none in [
            Header::Absent,
            Header::Unusable,
            Header::Once("token"),
            Header::Once("Bearer"),
            Header::Once("Bearer  "),
            Header::Once("Basic token"),
        ] {
            assert_eq!(bearer_token(none), None, "{none:?}");
        }
    }
}

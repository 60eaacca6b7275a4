//! Around every request: lets it pass to the handler when the table of routes says that its sender may, and notes what
//! it is about to change.

use actix_web::{
    Error as ActixError, HttpMessage as _, HttpRequest, ResponseError as _,
    body::{BoxBody, EitherBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    http::Method,
    middleware::Next,
    web,
};
use tracing::Instrument as _;

use super::{
    Access, Actor, Caller, audit, authenticate,
    routes::{self, Found, Route},
};
use crate::{Ingress, error::Error, exchange::Exchange, idempotency, openapi};

/// What a handler answered, or what was answered in its place.
type Answer<B> = ServiceResponse<EitherBody<B, BoxBody>>;

/// The middleware: nothing is reachable that has no row.
pub(crate) async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<Answer<B>, ActixError> {
    let pattern = request.match_pattern();
    let route = match routes::find(request.method().as_str(), pattern.as_deref()) {
        Found::Route(route) => route,
        Found::OtherMethods(methods) => {
            return Ok(refuse(request, &Error::MethodNotAllowed(methods)));
        }
        Found::Nothing => return Ok(refuse(request, &Error::NotFound("not found"))),
    };
    if !route.access.is_managed() {
        return Ok(next.call(request).await?.map_into_left_body());
    }
    // A service without its own state would be one that knows nobody.
    let Some(ingress) = request.app_data::<web::Data<Ingress>>().cloned() else {
        return Ok(refuse(request, &Error::ApiToken));
    };
    let caller = match authenticate::caller(request.request(), &ingress).await {
        Ok(caller) => caller,
        Err(error) => return Ok(refuse(request, &error)),
    };
    let span = Exchange::of(request.request(), &ingress).admit();
    managed(request, next, &route, caller, &ingress).instrument(span).await
}

/// A request whose sender is known.
async fn managed<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
    route: &Route,
    caller: Caller,
    ingress: &Ingress,
) -> Result<Answer<B>, ActixError> {
    if let Err(error) = allow(route.access, &caller).and_then(|()| known_query(&request, route)) {
        return Ok(refuse(request, &error));
    }
    let claim = match idempotency::claim(&mut request, route, &caller, ingress).await {
        Ok(idempotency::Claimed::Not) => None,
        Ok(idempotency::Claimed::Ours(claim)) => Some(claim),
        Ok(idempotency::Claimed::Answered(answer)) => {
            return Ok(request.into_response(answer).map_into_right_body());
        }
        Err(error) => return Ok(refuse(request, &error)),
    };
    let entry = match begin(request.request(), route, &caller, ingress).await {
        Ok(entry) => entry,
        Err(error) => {
            if let Some(claim) = claim {
                claim.release().await;
            }
            return Ok(refuse(request, &error));
        }
    };
    request.extensions_mut().insert(caller);
    let answer = next.call(request).await?;
    if let Some(entry) = entry {
        entry.complete(answer.status().as_u16()).await;
    }
    match claim {
        Some(claim) => Ok(claim.keep(answer).await?.map_into_right_body()),
        None => Ok(answer.map_into_left_body()),
    }
}

/// Whether the caller may take such a route.
fn allow(access: Access, caller: &Caller) -> Result<(), Error> {
    match access {
        Access::Operator if caller.actor != Actor::Operator => {
            Err(Error::Forbidden("this needs the operator's token".to_owned()))
        }
        Access::Scope(needed) if caller.scope < needed => Err(Error::Forbidden(format!(
            "this needs the scope {}, and the token has {}",
            needed.name(),
            caller.scope.name()
        ))),
        Access::Open
        | Access::Provider
        | Access::Callback
        | Access::OauthState
        | Access::Deployer
        | Access::Operator
        | Access::Scope(_) => Ok(()),
    }
}

/// A name that the route does not know is a mistake that would go unnoticed.
fn known_query(request: &ServiceRequest, route: &Route) -> Result<(), Error> {
    let mut names = form_urlencoded::parse(request.query_string().as_bytes());
    match names.find(|(name, _)| !openapi::knows_query(route, name)) {
        Some((name, _)) => Err(Error::Invalid(format!("unknown query parameter `{name}`"))),
        None => Ok(()),
    }
}

/// The row of a change; nothing for a look.
async fn begin(
    request: &HttpRequest,
    route: &Route,
    caller: &Caller,
    ingress: &Ingress,
) -> Result<Option<audit::Entry>, Error> {
    if [Method::GET, Method::HEAD].contains(request.method()) {
        return Ok(None);
    }
    let action = format!("{} {}", route.method, route.pattern);
    let target = target(route.pattern, request.path());
    let client = Exchange::of(request, ingress).client();
    let (tenant, actor) = (caller.tenant, &caller.actor);
    audit::begin(ingress, tenant, actor, &action, &target, client).await.map(Some)
}

/// What a path names, as it was written: without escapes undone there is nothing in it that a row cannot hold.
fn target(pattern: &str, path: &str) -> String {
    let segments = pattern.split('/').zip(path.split('/'));
    let named = segments.filter(|(pattern, _)| pattern.starts_with('{')).map(|(_, named)| named);
    named.collect::<Vec<_>>().join("/")
}

fn refuse<B>(request: ServiceRequest, error: &Error) -> Answer<B> {
    request.into_response(error.error_response()).map_into_right_body()
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::access::Scope;

    fn token(scope: Scope) -> Caller {
        let actor = Actor::Token { id: Uuid::nil(), name: "ci".to_owned() };
        Caller { tenant: Uuid::nil(), actor, scope }
    }

    #[test]
    fn a_scope_includes_the_smaller_ones() {
        let scopes = [Scope::Read, Scope::Deploy, Scope::Admin];
        for (index, has) in scopes.into_iter().enumerate() {
            for (place, needed) in scopes.into_iter().enumerate() {
                let allowed = allow(Access::Scope(needed), &token(has)).is_ok();
                assert_eq!(allowed, place <= index, "{has:?} for {needed:?}");
                assert!(allow(Access::Scope(needed), &Caller::operator()).is_ok());
            }
        }
        let refused = allow(Access::Scope(Scope::Deploy), &token(Scope::Read)).unwrap_err();
        assert_eq!(refused.to_string(), "this needs the scope deploy, and the token has read");
    }

    #[test]
    fn what_is_the_operators_is_no_tokens() {
        assert!(allow(Access::Operator, &token(Scope::Admin)).is_err());
        assert!(allow(Access::Operator, &Caller::operator()).is_ok());
    }

    #[test]
    fn a_target_is_what_the_path_names() {
        assert_eq!(target("/v1/apps", "/v1/apps"), "");
        assert_eq!(target("/v1/apps/{app_id}/rollback", "/v1/apps/7/rollback"), "7");
        assert_eq!(target("/v1/apps/{app_id}", "/v1/apps/%00"), "%00");
    }
}

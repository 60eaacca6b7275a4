//! Around every request: lets it pass to the handler when the table of routes says that its sender may.

use actix_web::{
    Error as ActixError, HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _,
    body::MessageBody,
    dev::{ServiceRequest, ServiceResponse},
    http::header::AUTHORIZATION,
    middleware::Next,
    web,
};
use tracing::Instrument as _;

use super::{
    Access, Caller, Scope,
    routes::{self, Found},
};
use crate::{Ingress, error::Error, exchange::Exchange, verify::Header};

/// The middleware: nothing is reachable that has no row.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, ActixError> {
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
    let Some(ingress) = request.app_data::<web::Data<Ingress>>().cloned() else {
        return Ok(refuse(request, &Error::ApiToken));
    };
    let caller = match caller(request.request(), &ingress) {
        Ok(caller) => caller,
        Err(error) => return Ok(refuse(request, &error)),
    };
    let span = Exchange::of(request.request(), &ingress).admit();
    if let Err(error) = allow(route.access, &caller) {
        return Ok(refuse(request, &error));
    }
    request.extensions_mut().insert(caller);
    Ok(next.call(request).instrument(span).await?.map_into_left_body())
}

/// Who asks.
fn caller(request: &HttpRequest, ingress: &Ingress) -> Result<Caller, Error> {
    let header = Header::read(request.headers(), AUTHORIZATION.as_str());
    let token = bearer_token(header).ok_or(Error::ApiToken)?;
    if ingress.keys.api_token.matches(token.as_bytes()) {
        return Ok(Caller::operator());
    }
    Err(Error::ApiToken)
}

/// Whether the caller may take such a route.
fn allow(access: Access, caller: &Caller) -> Result<(), Error> {
    let _ = (access, caller, Scope::Admin);
    Ok(())
}

fn refuse<B>(
    request: ServiceRequest,
    error: &Error,
) -> ServiceResponse<actix_web::body::EitherBody<B>> {
    let refusal: HttpResponse = error.error_response();
    request.into_response(refusal).map_into_right_body()
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

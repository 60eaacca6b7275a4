//! A browser comes back from a provider. The state that it brings says who sent it, and is used up first.

use actix_web::{
    HttpRequest, HttpResponse, ResponseError as _,
    http::header::{ACCEPT, AUTHORIZATION},
    web,
};
use paas_proto::events::Provider;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;
use utoipa::{IntoParams, ToSchema};

use super::page;
use crate::{
    Ingress,
    access::{self, audit},
    connections::oauth::{Begun, NotConnected},
    error::{self, Error},
    exchange::Exchange,
    manage::sources::GitProvider,
    openapi::Problem,
    verify::Header,
};

const MAX_CODE_BYTES: usize = 64;

/// What the provider adds to the URL.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Returned {
    /// What `connect` put into `authorize_url`.
    state: Option<String>,
    /// Exchanged for a token; works once.
    code: Option<String>,
    /// Instead of a code: why there is none.
    error: Option<String>,
}

/// It worked.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectedView {
    /// `connected`.
    status: &'static str,
    #[schema(value_type = String, pattern = "^(github|gitlab|forgejo)$")]
    provider: &'static str,
    /// At the provider.
    account: String,
}

/// Finishes connecting: a browser is answered with a page.
#[utoipa::path(get, path = "/v1/auth/{provider}/callback", tag = "connections",
    params(("provider" = inline(GitProvider), Path), Returned),
    responses((status = 200, content((ConnectedView = "application/json"), (String = "text/html"))),
              (status = 400, body = Problem), (status = 404, body = Problem), (status = 502, body = Problem),
              (status = 503, body = Problem)))]
pub(crate) async fn callback(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
) -> Result<HttpResponse, Error> {
    let finished = finish(&request, &ingress).await;
    let accept = Header::read(request.headers(), ACCEPT.as_str());
    let wants_page = accept.value().is_some_and(|accept| accept.contains("text/html"));
    let (text, mut response) = match finished {
        Ok(view) => (page::connected(view.provider, &view.account), error::ok(view)),
        Err(error) => (page::failed(&error.to_string()), error.error_response()),
    };
    page::guard(response.headers_mut());
    Ok(if wants_page { page::instead(response, text) } else { response })
}

async fn finish(
    request: &HttpRequest,
    ingress: &web::Data<Ingress>,
) -> Result<ConnectedView, Error> {
    let provider = super::provider(request)?;
    let query = web::Query::<Returned>::from_query(request.query_string());
    let returned = query.map_err(|_| Error::BadRequest("invalid query".to_owned()))?.into_inner();
    let state = returned.state.unwrap_or_default();
    let begun = ingress.connections.take(provider, &state).await.map_err(of_returning)?;
    let exchange = Exchange::of(request, ingress);
    let span = exchange.admit();
    is_same_tenant(request, ingress, &begun).instrument(span.clone()).await?;
    let action = "GET /v1/auth/{provider}/callback";
    let (tenant, client) = (begun.tenant, exchange.client());
    let entry = audit::begin(ingress, tenant, &begun.actor, action, provider.name(), client);
    let entry = entry.instrument(span.clone()).await?;
    let finished = match (returned.error, returned.code) {
        (Some(code), _) => Err(denied(provider, &code)),
        (None, None) => Err(Error::BadRequest("the provider sent no code".to_owned())),
        (None, Some(code)) => connect(ingress, begun, code.into()).instrument(span.clone()).await,
    };
    let status = finished.as_ref().map_or_else(|error| error.status_code().as_u16(), |_| 200);
    entry.complete(status).instrument(span).await;
    let account = finished?;
    Ok(ConnectedView { status: "connected", provider: provider.name(), account })
}

/// The state's tenant is connected, whoever comes. But who shows a token comes for that token's tenant.
async fn is_same_tenant(
    request: &HttpRequest,
    ingress: &web::Data<Ingress>,
    begun: &Begun,
) -> Result<(), Error> {
    if !request.headers().contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let invalid = || Error::BadRequest(NotConnected::State.to_string());
    let caller = access::caller(request, ingress).await.map_err(|_| invalid())?;
    let is_operator = caller.actor == access::Actor::Operator;
    if caller.tenant == begun.tenant || is_operator { Ok(()) } else { Err(invalid()) }
}

async fn connect(
    ingress: &web::Data<Ingress>,
    begun: Begun,
    code: SecretString,
) -> Result<String, Error> {
    let connections = ingress.connections.clone();
    let finished =
        connections.clone().to_its_end(async move { connections.finish(begun, code).await }).await;
    finished.map_err(Error::cannot_answer)?.map_err(of_returning)
}

/// The provider's reason is a word; anything else is not repeated.
fn denied(provider: Provider, code: &str) -> Error {
    let is_word = |c: char| c.is_ascii_lowercase() || c == '_';
    let code = if code.len() <= MAX_CODE_BYTES && !code.is_empty() && code.chars().all(is_word) {
        code
    } else {
        "unknown"
    };
    Error::BadRequest(format!("{} did not grant access: {code}", provider.name()))
}

/// What is answered to a browser that came back.
fn of_returning(error: NotConnected) -> Error {
    use git_providers::Error as Provider;
    match error {
        NotConnected::NotConfigured | NotConnected::Provider(Provider::NotConfigured) => {
            Error::NotConfigured("OAuth provider not configured by admin")
        }
        NotConnected::State
        | NotConnected::Taken
        | NotConnected::Provider(Provider::Refused { .. } | Provider::Unauthorized { .. }) => {
            Error::BadRequest(error.to_string())
        }
        NotConnected::Provider(error) => {
            tracing::warn!(%error, "a code could not be exchanged");
            Error::Provider(error.to_string())
        }
        NotConnected::Store(error) => Error::cannot_answer(error),
        NotConnected::Secrets(error) => Error::cannot_answer(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_that_is_no_word_is_not_repeated() {
        let said = |code: &str| denied(Provider::Github, code).to_string();
        assert_eq!(said("access_denied"), "github did not grant access: access_denied");
        for odd in ["", "<script>", "Access Denied", &"a".repeat(65)] {
            assert_eq!(said(odd), "github did not grant access: unknown");
        }
    }
}

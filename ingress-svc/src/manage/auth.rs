//! A tenant's connections to providers: listed, made in the browser or with a token, ended.

mod callback;
mod page;

use actix_web::{HttpRequest, HttpResponse, web};
use jiff::Timestamp;
use paas_proto::events::Provider;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tracing::Instrument as _;
use utoipa::ToSchema;

pub(crate) use self::callback::*;
use super::{input::AccessToken, sources::GitProvider};
use crate::{
    Ingress,
    access::Caller,
    connections::oauth::NotConnected,
    error::{self, Error},
    openapi::Problem,
    store::Connection,
};

const ALL: [Provider; 3] = [Provider::Github, Provider::Gitlab, Provider::Forgejo];

/// The providers.
#[derive(Serialize, ToSchema)]
pub(crate) struct ProvidersView {
    providers: Vec<ProviderView>,
}

/// A provider, and the tenant's connection to it.
#[derive(Serialize, ToSchema)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct ProviderView {
    #[schema(value_type = String, pattern = "^(github|gitlab|forgejo)$")]
    provider: &'static str,
    /// Whether the administrator has said where it is.
    configured: bool,
    /// Whether it can be connected in the browser.
    oauth: bool,
    /// Whether it can be connected by an installation of the administrator's GitHub App.
    github_app: bool,
    /// Whether it is connected, and the provider does not refuse it.
    connected: bool,
    /// `oauth`, `token` or `github_app`.
    #[serde(skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    /// At the provider.
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    /// What the token is good for, as the provider says.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<String>,
    /// Of the access token: it is renewed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connected_at: Option<Timestamp>,
    /// Why the provider refuses the connection: connect again.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// Where to go.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConnectView {
    /// For a browser, within five minutes.
    #[schema(format = "uri")]
    authorize_url: String,
}

/// One of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutCredential {
    /// A personal access token.
    #[schema(value_type = Option<String>, write_only, min_length = 8, max_length = 1024)]
    token: Option<AccessToken>,
    /// An installation of the administrator's GitHub App.
    #[schema(minimum = 1)]
    installation_id: Option<u64>,
}

fn view(ingress: &Ingress, provider: Provider, connection: Option<Connection>) -> ProviderView {
    let client = ingress.connections.client(provider);
    let text = |text: String| Some(text).filter(|text| !text.is_empty());
    let mut view = ProviderView {
        provider: provider.name(),
        configured: client.is_some(),
        oauth: client.is_some_and(git_providers::Client::has_oauth),
        github_app: client.is_some_and(git_providers::Client::has_app),
        connected: false,
        kind: None,
        account: None,
        scopes: None,
        expires_at: None,
        connected_by: None,
        connected_at: None,
        problem: None,
    };
    if let Some(connection) = connection {
        view.connected = connection.refused_because.is_none() && view.configured;
        view.kind = Some(connection.kind.name());
        view.account = text(connection.account);
        view.scopes = text(connection.scopes);
        view.expires_at = connection.expires_at;
        view.connected_by = Some(connection.connected_by);
        view.connected_at = Some(connection.connected_at);
        view.problem = connection.refused_because;
    }
    view
}

/// The provider that a path names.
fn provider(request: &HttpRequest) -> Result<Provider, Error> {
    let named = request.match_info().get("provider").and_then(Provider::from_name);
    named.ok_or(Error::NotFound("no such provider"))
}

/// Lists the providers, and whether the tenant has connected them.
#[utoipa::path(get, path = "/v1/auth", tag = "connections", security(("token" = [])),
    responses((status = 200, body = ProvidersView), (status = 401, body = Problem), (status = 403, body = Problem),
              (status = 503, body = Problem)))]
pub(crate) async fn list(
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let connections = ingress.store.of(caller.tenant).connections().await;
    let mut connections = connections.map_err(Error::cannot_answer)?;
    let providers = ALL.map(|provider| {
        let known = connections.iter().position(|known| known.provider == provider.name());
        view(&ingress, provider, known.map(|known| connections.swap_remove(known)))
    });
    Ok(error::ok(ProvidersView { providers: providers.into() }))
}

/// Begins to connect a provider in the browser.
#[utoipa::path(get, path = "/v1/auth/{provider}/connect", tag = "connections", security(("token" = [])),
    params(("provider" = inline(GitProvider), Path)),
    responses((status = 200, body = ConnectView), (status = 401, body = Problem), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn connect(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let provider = provider(&request)?;
    let begun = ingress.connections.begin(caller.tenant, &caller.actor, provider).await;
    let url = begun.map_err(of_configuring)?;
    Ok(error::ok(ConnectView { authorize_url: url.into() }))
}

/// Connects a provider with a personal access token, or an installation of the administrator's GitHub App.
#[utoipa::path(put, path = "/v1/auth/{provider}/credential", tag = "connections", security(("token" = [])),
    params(("provider" = inline(GitProvider), Path)), request_body = PutCredential,
    responses((status = 200, body = ProviderView), (status = 400, body = Problem), (status = 401, body = Problem),
              (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
              (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
              (status = 503, body = Problem)))]
pub(crate) async fn put_credential(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let provider = provider(&request)?;
    let wanted: PutCredential = super::read(&request, payload, &ingress).await?;
    let (connections, tenant, actor) = (ingress.connections.clone(), caller.tenant, caller.actor);
    let put = match (wanted.token, wanted.installation_id) {
        (Some(token), None) => {
            let token: SecretString = token.as_str().into();
            let connections = connections.clone();
            connections
                .clone()
                .to_its_end(
                    async move { connections.put_token(tenant, &actor, provider, token).await },
                )
                .await
        }
        (None, Some(installation)) if provider == Provider::Github => {
            connections
                .clone()
                .to_its_end(async move {
                    connections.put_installation(tenant, &actor, provider, installation).await
                })
                .await
        }
        (None, Some(_)) => {
            return Err(Error::Invalid("installation_id is GitHub's".to_owned()));
        }
        (_, _) => {
            return Err(Error::Invalid("give token, or else installation_id".to_owned()));
        }
    };
    put.map_err(Error::cannot_answer)?.map_err(of_configuring)?;
    let tenancy = ingress.store.of(tenant);
    let connection = tenancy.connection(provider.name()).await.map_err(Error::cannot_answer)?;
    Ok(error::ok(view(&ingress, provider, connection)))
}

/// Ends a connection; what the provider granted is revoked there. Webhooks stay until their apps are unlinked.
#[utoipa::path(delete, path = "/v1/auth/{provider}", tag = "connections", security(("token" = [])),
    params(("provider" = inline(GitProvider), Path)),
    responses((status = 204), (status = 401, body = Problem), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn disconnect(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let provider = provider(&request)?;
    let (connections, tenant) = (ingress.connections.clone(), caller.tenant);
    let ended = connections
        .clone()
        .to_its_end(async move { connections.disconnect(tenant, provider).await }.in_current_span())
        .await;
    ended.map_err(Error::cannot_answer)?.map_err(of_configuring)?;
    Ok(error::no_content())
}

/// What is answered to somebody who sets a connection up.
fn of_configuring(error: NotConnected) -> Error {
    use git_providers::Error as Provider;
    match error {
        NotConnected::NotConfigured => {
            Error::NotConfigured("OAuth provider not configured by admin")
        }
        NotConnected::State => Error::BadRequest(error.to_string()),
        NotConnected::Taken => Error::Conflict(error.to_string()),
        NotConnected::Store(error) => Error::cannot_answer(error),
        NotConnected::Secrets(error) => Error::cannot_answer(error),
        NotConnected::Provider(error) => match error {
            Provider::Unauthorized { provider } => {
                Error::Invalid(format!("{provider} does not accept this credential"))
            }
            Provider::NotFound { .. }
            | Provider::Moved { .. }
            | Provider::Forbidden { .. }
            | Provider::Rejected { .. }
            | Provider::Refused { .. }
            | Provider::HookLimit { .. } => Error::Invalid(error.to_string()),
            Provider::RateLimited { retry_after, .. } => {
                Error::Later(error.to_string(), retry_after)
            }
            Provider::Unavailable { .. } | Provider::Unexpected { .. } => {
                Error::Later(error.to_string(), std::time::Duration::from_secs(10))
            }
            Provider::NotConfigured => {
                Error::NotConfigured("OAuth provider not configured by admin")
            }
        },
    }
}

//! The credential with which a build clones a private repository: for the deployer, which asks when it starts the build
//! and shows a token of that deploy. No load balancer leads here.

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{CACHE_CONTROL, HeaderValue},
    web,
};
use git_providers::Session;
use paas_proto::{callback::CREDENTIAL_TOKEN_HEADER, events::Provider};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use tracing::Instrument as _;
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    Ingress,
    connections::NoSession,
    error::{self, Error},
    exchange::Exchange,
    openapi::Problem,
    store::CloneLink,
    verify::Header,
};

/// User and password for `git clone` over HTTPS.
#[derive(Serialize, ToSchema)]
pub(crate) struct CloneCredential {
    username: &'static str,
    #[schema(format = "password")]
    password: String,
}

/// The credential for a deploy's repository, if one is needed.
#[utoipa::path(post, path = "/internal/v1/clone-credentials/{deploy_id}", tag = "internal",
    params(("deploy_id" = Uuid, Path), ("x-paas-credential-token" = String, Header)),
    responses((status = 200, body = CloneCredential), (status = 204, description = "None is needed, or none is there"),
              (status = 401, body = Problem), (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn get(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
) -> Result<HttpResponse, Error> {
    let unknown = Error::NotFound("no such deploy");
    let Some(deploy) = crate::server::uuid(&request, "deploy_id") else { return Err(unknown) };
    let token = Header::read(request.headers(), CREDENTIAL_TOKEN_HEADER).value();
    if !ingress.keys.callback.verify_credential(deploy, token.unwrap_or_default()) {
        return Err(Error::CredentialToken);
    }
    let span = Exchange::of(&request, &ingress).admit();
    let connections = ingress.connections.clone();
    let asked = connections.to_its_end(credential(ingress, deploy).instrument(span));
    let credential = asked.await.map_err(Error::cannot_answer)??;
    let mut response = credential.map_or_else(error::no_content, error::ok);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

async fn credential(
    ingress: web::Data<Ingress>,
    deploy: Uuid,
) -> Result<Option<CloneCredential>, Error> {
    let source = ingress.store.clone_source(deploy).await.map_err(Error::cannot_answer)?;
    let source = source.ok_or(Error::NotFound("no such deploy"))?;
    let Some(link) = source.link else { return Ok(None) };
    let Some(provider) = Provider::from_name(&link.provider) else { return Ok(None) };
    let client = ingress.connections.client(provider);
    if !client.is_some_and(|client| is_at(&link, client.web_url())) {
        return Ok(None);
    }
    let Some(mut session) = session(&ingress, source.tenant, provider).await? else {
        return Ok(None);
    };
    match session.repository(&link.repo_full_name).await {
        // Nobody needs the tenant's token for what everybody may read.
        Ok(repository) if !repository.is_private => return Ok(None),
        Ok(_) => {}
        Err(error) => {
            tracing::info!(%error, "whether a repository is private is not known");
            if ingress.note_refusal(source.tenant, provider, &session, &error).await {
                let renewed = self::session(&ingress, source.tenant, provider).await?;
                let Some(renewed) = renewed else { return Ok(None) };
                session = renewed;
            }
        }
    }
    let (username, password) = session.clone_credential();
    Ok(Some(CloneCredential { username, password: password.expose_secret().to_owned() }))
}

async fn session(
    ingress: &Ingress,
    tenant: Uuid,
    provider: Provider,
) -> Result<Option<Session>, Error> {
    match ingress.session(tenant, provider).await {
        Ok(session) => Ok(Some(session)),
        Err(NoSession::NotConnected | NoSession::Refused(_)) => Ok(None),
        Err(error @ NoSession::Unavailable(_)) => Err(Error::cannot_answer(error)),
    }
}

/// Whether the credential belongs to the server that is cloned from, and goes there by no plainer way than the
/// provider is asked.
fn is_at(link: &CloneLink, provider: &Url) -> bool {
    let Ok(url) = link.clone_url.parse::<Url>() else { return false };
    url.scheme() == provider.scheme()
        && url.host_str() == provider.host_str()
        && url.port_or_known_default() == provider.port_or_known_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_goes_to_its_own_server_only() {
        let link = |clone_url: &str| CloneLink {
            provider: "github".to_owned(),
            repo_full_name: "octo/hello".to_owned(),
            clone_url: clone_url.to_owned(),
        };
        let github: Url = "https://github.com".parse().unwrap();
        assert!(is_at(&link("https://github.com/octo/hello.git"), &github));
        for elsewhere in [
            "http://github.com/octo/hello.git",
            "https://github.com.evil.example/octo/hello.git",
            "https://github.com:8443/octo/hello.git",
            "https://evil.example/github.com/hello.git",
            "file:///srv/github.com",
        ] {
            assert!(!is_at(&link(elsewhere), &github), "{elsewhere}");
        }
    }
}

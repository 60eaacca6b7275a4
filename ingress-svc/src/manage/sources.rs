//! Which repository and branch an app follows, and its secrets: written, and shown once when they are made.

use actix_web::{HttpRequest, HttpResponse, web};
use paas_proto::events::Provider;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    app_id,
    input::{self, Branch, RepoName, WebhookSecret},
};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    openapi::Problem,
    secrets::{self, Purpose},
    store::{GitSource, NewSource},
    verify::gitlab::SigningToken,
};

/// Where the code is.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GitProvider {
    Github,
    Gitlab,
}

impl GitProvider {
    fn provider(self) -> Provider {
        match self {
            Self::Github => Provider::Github,
            Self::Gitlab => Provider::Gitlab,
        }
    }

    fn default_clone_url(self, repo: &RepoName) -> String {
        match self {
            Self::Github => format!("https://github.com/{}.git", repo.as_str()),
            Self::Gitlab => format!("https://gitlab.com/{}.git", repo.as_str()),
        }
    }
}

/// A source as it is to be, whole. Secrets that are not given stay as they are.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutSource {
    provider: GitProvider,
    /// `owner/name`.
    #[schema(value_type = String)]
    repo_full_name: RepoName,
    #[serde(default)]
    #[schema(value_type = Option<String>, default = "main")]
    branch: Branch,
    #[serde(default = "yes")]
    #[schema(default = true)]
    auto_deploy_enabled: bool,
    /// Default: the repository at github.com or gitlab.com.
    clone_url: Option<String>,
    /// GitLab's signing token, `whsec_…`. Never shown again.
    #[schema(write_only)]
    signing_token: Option<String>,
    /// Refuse unsigned deliveries; needs `signing_token` beside it.
    #[serde(default)]
    signing_required: bool,
}

fn yes() -> bool {
    true
}

/// A source.
#[derive(Serialize, ToSchema)]
pub(crate) struct SourceView {
    app_id: Uuid,
    provider: String,
    repo_full_name: String,
    branch: String,
    auto_deploy_enabled: bool,
    /// The rollback that paused auto-deploy, until somebody resumes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_deploy_paused_by: Option<Uuid>,
    clone_url: String,
    /// What to enter at the provider.
    webhook_url: String,
    signing_required: bool,
    /// The commit that is live.
    last_deploy_sha: Option<String>,
    /// Only when it was just made.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
}

/// A secret to be set; without it one is made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutSecret {
    /// 8 to 256 printable characters.
    #[schema(value_type = Option<String>, min_length = 8, max_length = 256)]
    webhook_secret: Option<WebhookSecret>,
}

/// The secret to enter at the provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct SecretView {
    webhook_secret: String,
}

fn view(ingress: &Ingress, app_id: Uuid, source: GitSource, made: Option<String>) -> SourceView {
    SourceView {
        app_id,
        webhook_url: ingress.config.webhook_url(&source.provider, app_id),
        provider: source.provider,
        repo_full_name: source.repo_full_name,
        branch: source.branch,
        auto_deploy_enabled: source.auto_deploy_enabled,
        auto_deploy_paused_by: source.auto_deploy_paused_by,
        clone_url: source.clone_url,
        signing_required: source.signing_required,
        last_deploy_sha: source.last_deploy_sha,
        webhook_secret: made,
    }
}

impl PutSource {
    /// The rules that concern more than one field, and what follows from them: the clone URL and the signing token.
    fn check(&self, allow_local: bool) -> Result<String, Error> {
        let invalid = |message: &str| Err(Error::Invalid(message.to_owned()));
        if !self.repo_full_name.is_possible_at(self.provider.provider()) {
            return invalid("repo_full_name must be `owner/name`");
        }
        match (self.provider, &self.signing_token) {
            (GitProvider::Github, Some(_)) => return invalid("signing_token is GitLab's"),
            (_, None) if self.signing_required => {
                return invalid("signing_required needs signing_token beside it");
            }
            (_, Some(token)) if token.parse::<SigningToken>().is_err() => {
                return invalid("signing_token must be `whsec_` and 32 bytes in base64");
            }
            (_, _) => {}
        }
        let Some(url) = &self.clone_url else {
            return Ok(self.provider.default_clone_url(&self.repo_full_name));
        };
        input::clone_url(url, allow_local).map_err(|broken| Error::Invalid(broken.to_string()))?;
        Ok(url.clone())
    }
}

/// Links an app to a repository. Linking another one forgets what was live.
#[utoipa::path(put, path = "/v1/apps/{app_id}/git/source", tag = "apps", security(("token" = [])),
    params(("app_id" = Uuid, Path)), request_body = PutSource,
    responses((status = 200, body = SourceView), (status = 400, body = Problem), (status = 401, body = Problem),
              (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn put(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = app_id(&request)?;
    let wanted: PutSource = super::read(&request, payload, &ingress).await?;
    let clone_url = wanted.check(ingress.config.allow_local_clone_urls)?;
    let secret = secrets::generate();
    let sealed = seal(&ingress, Purpose::WebhookSecret, app, &secret)?;
    let token = wanted.signing_token.as_deref();
    let token = token.map(|token| seal(&ingress, Purpose::SigningToken, app, token)).transpose()?;
    let new = NewSource {
        provider: wanted.provider.provider().name(),
        repo_full_name: wanted.repo_full_name.as_str(),
        clone_url: &clone_url,
        branch: wanted.branch.as_str(),
        auto_deploy_enabled: wanted.auto_deploy_enabled,
        webhook_secret: &sealed,
        signing_token: token.as_deref(),
        signing_required: wanted.signing_required,
    };
    let put = ingress
        .store
        .of(caller.tenant)
        .put_source(app, &new)
        .await
        .map_err(Error::cannot_answer)?;
    let (source, is_new) = put.ok_or(Error::NotFound("no such app"))?;
    tracing::info!(app.id = %app, repo = source.repo_full_name, "source set");
    Ok(error::ok(view(&ingress, app, source, is_new.then_some(secret))))
}

/// Reads an app's source.
#[utoipa::path(get, path = "/v1/apps/{app_id}/git/source", tag = "apps", security(("token" = [])),
    params(("app_id" = Uuid, Path)),
    responses((status = 200, body = SourceView), (status = 401, body = Problem), (status = 404, body = Problem)))]
pub(crate) async fn get(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = app_id(&request)?;
    let source = ingress.store.of(caller.tenant).source(app).await.map_err(Error::cannot_answer)?;
    let source = source.ok_or(Error::NotFound("no such app, or it has no source"))?;
    Ok(error::ok(view(&ingress, app, source, None)))
}

/// Replaces the webhook secret. Deliveries signed with the old one are refused from now on.
#[utoipa::path(put, path = "/v1/apps/{app_id}/git/webhook-secret", tag = "apps", security(("token" = [])),
    params(("app_id" = Uuid, Path)), request_body = PutSecret,
    responses((status = 200, body = SecretView), (status = 400, body = Problem), (status = 401, body = Problem),
              (status = 404, body = Problem), (status = 422, body = Problem)))]
pub(crate) async fn put_secret(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = app_id(&request)?;
    let wanted: PutSecret = super::read(&request, payload, &ingress).await?;
    let secret =
        wanted.webhook_secret.map_or_else(secrets::generate, |secret| secret.as_str().to_owned());
    let sealed = seal(&ingress, Purpose::WebhookSecret, app, &secret)?;
    if !ingress
        .store
        .of(caller.tenant)
        .put_secret(app, &sealed)
        .await
        .map_err(Error::cannot_answer)?
    {
        return Err(Error::NotFound("no such app, or it has no source"));
    }
    tracing::info!(app.id = %app, "webhook secret replaced");
    Ok(error::ok(SecretView { webhook_secret: secret }))
}

fn seal(ingress: &Ingress, purpose: Purpose, app: Uuid, secret: &str) -> Result<Vec<u8>, Error> {
    ingress.keys.secrets.seal(purpose, app, secret.as_bytes()).map_err(Error::cannot_answer)
}

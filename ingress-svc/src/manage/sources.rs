//! Which repository and branch an app follows: written, and what was done about its webhook.

use actix_web::{HttpRequest, HttpResponse, web};
use paas_proto::events::Provider;
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    app_id,
    input::{self, Branch, RepoName},
    webhook::{self, Place, WebhookView},
};
use crate::{
    Ingress,
    access::Caller,
    error::{self, Error},
    filters::WatchPaths,
    hooks::{self, Found, LookedUp, Removed},
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
    Forgejo,
}

impl GitProvider {
    fn provider(self) -> Provider {
        match self {
            Self::Github => Provider::Github,
            Self::Gitlab => Provider::Gitlab,
            Self::Forgejo => Provider::Forgejo,
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
    /// Default: the repository's default branch where the provider is connected, else `main`.
    #[schema(value_type = Option<String>)]
    branch: Option<Branch>,
    #[serde(default = "yes")]
    #[schema(default = true)]
    auto_deploy_enabled: bool,
    /// Globs: only a push that changed a path that one of them matches is deployed. None: every push.
    #[serde(default)]
    #[schema(value_type = Vec<String>, required = false)]
    watch_paths: Vec<String>,
    /// Default: the repository at the provider.
    clone_url: Option<String>,
    /// GitLab's signing token, `whsec_…`. Never shown again. Where GitLab is connected the platform makes one by itself.
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
    /// The provider's number of the repository, once it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    repo_id: Option<i64>,
    branch: String,
    auto_deploy_enabled: bool,
    /// The rollback that paused auto-deploy, until somebody resumes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_deploy_paused_by: Option<Uuid>,
    watch_paths: Vec<String>,
    clone_url: String,
    /// Where the provider sends deliveries.
    webhook_url: String,
    signing_required: bool,
    /// The commit that is live.
    last_deploy_sha: Option<String>,
    /// Only when it was just made, and a person has to enter it.
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_secret: Option<String>,
    webhook: WebhookView,
}

/// An app without a source.
#[derive(Serialize, ToSchema)]
pub(crate) struct UnlinkedView {
    /// `unlinked`.
    status: &'static str,
    webhook: RemovedView,
}

/// What became of the webhook.
#[derive(Serialize, ToSchema)]
pub(crate) struct RemovedView {
    /// `removed`; `none`: there was none; `manual`: remove it by hand; `pending`: the platform goes on trying.
    #[schema(value_type = String, pattern = "^(removed|none|manual|pending)$")]
    action: &'static str,
    /// Why it is not removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

impl From<hooks::Removal> for RemovedView {
    fn from(removal: hooks::Removal) -> Self {
        let action = match removal.outcome {
            Removed::Gone => "removed",
            Removed::None => "none",
            Removed::Manual => "manual",
            Removed::Pending => "pending",
        };
        Self { action, problem: removal.problem }
    }
}

fn view(
    ingress: &Ingress,
    app_id: Uuid,
    source: GitSource,
    webhook: WebhookView,
    made: Option<String>,
) -> SourceView {
    SourceView {
        app_id,
        webhook_url: ingress.config.webhook_url(&source.provider, app_id),
        provider: source.provider,
        repo_full_name: source.repo_full_name,
        repo_id: source.repo_id,
        branch: source.branch,
        auto_deploy_enabled: source.auto_deploy_enabled,
        auto_deploy_paused_by: source.auto_deploy_paused_by,
        watch_paths: source.watch_paths,
        clone_url: source.clone_url,
        signing_required: source.signing_required,
        last_deploy_sha: source.last_deploy_sha,
        webhook_secret: made,
        webhook,
    }
}

impl PutSource {
    /// The rules that concern more than one field; whether it is the provider's own repository that is cloned.
    fn check(&self, ingress: &Ingress) -> Result<bool, Error> {
        let invalid = |message: &str| Err(Error::Invalid(message.to_owned()));
        let provider = self.provider.provider();
        if !self.repo_full_name.is_possible_at(provider) {
            return invalid("repo_full_name must be `owner/name`");
        }
        match (self.provider, &self.signing_token) {
            (GitProvider::Github | GitProvider::Forgejo, Some(_)) => {
                return invalid("signing_token is GitLab's");
            }
            (_, None) if self.signing_required => {
                return invalid("signing_required needs signing_token beside it");
            }
            (_, Some(token)) if token.parse::<SigningToken>().is_err() => {
                return invalid("signing_token must be `whsec_` and 32 bytes in base64");
            }
            (_, _) => {}
        }
        let client = ingress.connections.client(provider);
        let Some(url) = &self.clone_url else {
            return if client.is_some() {
                Ok(true)
            } else {
                invalid("this provider is not configured by admin: clone_url is needed")
            };
        };
        let allow_local = ingress.config.allow_local_clone_urls;
        input::clone_url(url, allow_local).map_err(|broken| Error::Invalid(broken.to_string()))?;
        Ok(client.is_some_and(|client| is_within(url, client.web_url())))
    }

    /// What is cloned when nothing else is said.
    fn clone_url(&self, ingress: &Ingress, found: Option<&Found>) -> String {
        let allow_local = ingress.config.allow_local_clone_urls;
        let says = |found: &Found| found.repository.clone_url.clone();
        let said = found.map(says).filter(|url| input::clone_url(url, allow_local).is_ok());
        let repo = found.map_or(self.repo_full_name.as_str(), |found| &found.repository.full_name);
        self.clone_url.clone().or(said).unwrap_or_else(|| {
            let client = ingress.connections.client(self.provider.provider());
            let base = client.map_or("", |client| client.web_url().as_str());
            format!("{}/{repo}.git", base.trim_end_matches('/'))
        })
    }

    fn new_source(
        self,
        ingress: &Ingress,
        app: Uuid,
        looked_up: LookedUp,
        secret: &str,
    ) -> Result<NewSource, Error> {
        let is_managed = !matches!(looked_up, LookedUp::ByHand);
        let found = match looked_up {
            LookedUp::Found(found) => Some(*found),
            LookedUp::ByHand | LookedUp::Later => None,
        };
        let clone_url = self.clone_url(ingress, found.as_ref());
        let branch = self.branch.unwrap_or_default().as_str().to_owned();
        let repo = self.repo_full_name.as_str().to_owned();
        let token = self.signing_token.as_deref();
        let token = token.map(|token| seal(ingress, Purpose::SigningToken, app, token));
        let watch_paths = WatchPaths::parse(self.watch_paths);
        let watch_paths = watch_paths.map_err(|invalid| Error::Invalid(invalid.to_string()))?;
        let id = found.as_ref().and_then(|found| i64::try_from(found.repository.id).ok());
        Ok(NewSource {
            provider: self.provider.provider().name(),
            repo_id: id,
            clone_url,
            branch: found.as_ref().and_then(|found| found.branch.clone()).unwrap_or(branch),
            head: found.as_ref().and_then(|found| found.head.clone()),
            repo_full_name: found.map_or(repo, |found| found.repository.full_name),
            auto_deploy_enabled: self.auto_deploy_enabled,
            watch_paths: watch_paths.into_globs(),
            webhook_secret: seal(ingress, Purpose::WebhookSecret, app, secret)?,
            signing_token: token.transpose()?,
            signing_required: self.signing_required,
            is_managed,
        })
    }
}

/// Whether a clone URL is at the provider, or on this machine in development: not at another server of its kind.
fn is_within(clone_url: &str, provider: &Url) -> bool {
    let Ok(url) = clone_url.parse::<Url>() else { return false };
    url.scheme() == "file" || url.host_str() == provider.host_str()
}

/// Links an app to a repository, and sees to its webhook where the provider is connected. Linking another repository
/// forgets what was live. The same request again changes nothing, and does what could not be done before.
#[utoipa::path(put, path = "/v1/apps/{app_id}/git/source", tag = "apps", security(("token" = [])),
    params(("app_id" = Uuid, Path)), request_body = PutSource,
    responses((status = 200, body = SourceView), (status = 400, body = Problem), (status = 401, body = Problem),
              (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
              (status = 413, body = Problem), (status = 415, body = Problem), (status = 422, body = Problem),
              (status = 503, body = Problem)))]
pub(crate) async fn put(
    request: HttpRequest,
    payload: web::Payload,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = app_id(&request)?;
    let wanted: PutSource = super::read(&request, payload, &ingress).await?;
    let is_at_provider = wanted.check(&ingress)?;
    let known = ingress.store.of(caller.tenant).app(app).await.map_err(Error::cannot_answer)?;
    known.ok_or(Error::NotFound("no such app"))?;
    let looked_up = if is_at_provider {
        let repo = wanted.repo_full_name.as_str().to_owned();
        let branch = wanted.branch.as_ref().map(|branch| branch.as_str().to_owned());
        let provider = wanted.provider.provider();
        let looked_up = hooks::look_up(ingress.clone(), caller.tenant, provider, repo, branch);
        looked_up.await.map_err(webhook::error)?
    } else {
        LookedUp::ByHand
    };
    let secret = secrets::generate();
    let new = wanted.new_source(&ingress, app, looked_up, &secret)?;
    let linked = hooks::link(ingress.clone(), caller.tenant, app, new).await;
    let linked = linked.map_err(webhook::error)?.ok_or(Error::NotFound("no such app"))?;
    let made = linked.is_new.then_some(secret);
    let source = linked.source;
    let place = Place { app, provider: &source.provider, repo: &source.repo_full_name };
    let webhook = WebhookView::of(&ingress, place, linked.webhook, made.as_deref())?;
    // Settling may have learnt more.
    let tenancy = ingress.store.of(caller.tenant);
    let source = tenancy.source(app).await.map_err(Error::cannot_answer)?.unwrap_or(source);
    let made = made.filter(|_| !webhook.managed);
    Ok(error::ok(view(&ingress, app, source, webhook, made)))
}

/// Reads an app's source.
#[utoipa::path(get, path = "/v1/apps/{app_id}/git/source", tag = "apps", security(("token" = [])),
    params(("app_id" = Uuid, Path)),
    responses((status = 200, body = SourceView), (status = 401, body = Problem), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn get(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = app_id(&request)?;
    let tenancy = ingress.store.of(caller.tenant);
    let source = tenancy.source(app).await.map_err(Error::cannot_answer)?;
    let source = source.ok_or(Error::NotFound("no such app, or it has no source"))?;
    let hooks = tenancy.hooks(app).await.map_err(Error::cannot_answer)?;
    let place = Place { app, provider: &source.provider, repo: &source.repo_full_name };
    let webhook = WebhookView::standing(&ingress, place, &hooks);
    Ok(error::ok(view(&ingress, app, source, webhook, None)))
}

/// Ends an app's link: removes its webhook at the provider, then the source with its secrets.
#[utoipa::path(delete, path = "/v1/apps/{app_id}/git/source", tag = "apps", security(("token" = [])),
    params(("app_id" = Uuid, Path)),
    responses((status = 200, body = UnlinkedView), (status = 401, body = Problem), (status = 403, body = Problem),
              (status = 404, body = Problem), (status = 503, body = Problem)))]
pub(crate) async fn delete(
    request: HttpRequest,
    ingress: web::Data<Ingress>,
    caller: Caller,
) -> Result<HttpResponse, Error> {
    let app = app_id(&request)?;
    let unlinked = hooks::unlink(ingress, caller.tenant, app).await.map_err(webhook::error)?;
    let removal = unlinked.ok_or(Error::NotFound("no such app, or it has no source"))?;
    Ok(error::ok(UnlinkedView { status: "unlinked", webhook: removal.into() }))
}

fn seal(ingress: &Ingress, purpose: Purpose, app: Uuid, secret: &str) -> Result<Vec<u8>, Error> {
    ingress.keys.secrets.seal(purpose, app, secret.as_bytes()).map_err(Error::cannot_answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_elsewhere_is_linked_by_hand() {
        let gitlab: Url = "https://gitlab.com".parse().unwrap();
        assert!(is_within("https://gitlab.com/octo/hello.git", &gitlab));
        assert!(is_within("file:///srv/git/hello.git", &gitlab));
        assert!(!is_within("https://gitlab.acme.example/octo/hello.git", &gitlab));
        assert!(!is_within("https://gitlab.com.evil.example/octo/hello.git", &gitlab));
    }
}

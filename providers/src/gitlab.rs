//! GitLab's REST API, version 4: <https://docs.gitlab.com/api/rest/>. Personal, project and OAuth tokens all go as Bearer
//! (<https://docs.gitlab.com/api/rest/authentication/>).

use jiff::Timestamp;
use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Account, Commit, Error, Hook, HookSettings, Repository, Status, StatusState,
    http::{Call, Http},
    model::cut,
};

/// Who may manage webhooks (<https://docs.gitlab.com/api/access_requests/#valid-access-levels>).
const MAINTAINER: u32 = 40;

pub(crate) struct Gitlab<'a> {
    pub(crate) http: &'a Http,
    pub(crate) token: &'a SecretString,
}

#[derive(Deserialize)]
struct User {
    username: String,
}

#[derive(Deserialize)]
struct Project {
    id: u64,
    path_with_namespace: String,
    http_url_to_repo: String,
    default_branch: Option<String>,
    visibility: Option<String>,
    permissions: Option<Permissions>,
}

#[derive(Deserialize)]
struct Permissions {
    project_access: Option<Access>,
    group_access: Option<Access>,
}

#[derive(Deserialize)]
struct Access {
    access_level: u32,
}

#[derive(Deserialize)]
struct Branch {
    commit: BranchCommit,
}

#[derive(Deserialize)]
struct BranchCommit {
    id: String,
    message: String,
}

#[derive(Deserialize)]
struct ProjectHook {
    id: u64,
    url: String,
    push_events: bool,
    enable_ssl_verification: Option<bool>,
    alert_status: Option<String>,
    disabled_until: Option<Timestamp>,
    #[serde(default)]
    signing_token_present: bool,
}

impl Gitlab<'_> {
    fn call(&self, method: Method, path: &str) -> Call<'_> {
        self.http.api(method, path).bearer(self.token)
    }

    /// The path of a project stands in one segment.
    fn project(&self, repo: &str) -> Result<String, Error> {
        Ok(format!("projects/{}", self.http.segment(repo)?))
    }

    fn hook_path(&self, repo: &str, id: &str) -> Result<String, Error> {
        Ok(format!("{}/hooks/{}", self.project(repo)?, self.http.segment(id)?))
    }

    pub(crate) async fn account(&self) -> Result<Account, Error> {
        let user: User = self.call(Method::GET, "user").send("account").await?.json()?;
        Ok(Account { login: user.username })
    }

    pub(crate) async fn repository(&self, repo: &str) -> Result<Repository, Error> {
        let path = self.project(repo)?;
        let project: Project = self.call(Method::GET, &path).send("project").await?.json()?;
        Ok(Repository {
            id: project.id,
            full_name: project.path_with_namespace,
            clone_url: project.http_url_to_repo,
            default_branch: project.default_branch,
            is_private: project.visibility.is_none_or(|visibility| visibility != "public"),
            may_manage_hooks: project.permissions.and_then(Permissions::may_manage_hooks),
            pushed_at: None,
        })
    }

    pub(crate) async fn branch_head(&self, repo: &str, branch: &str) -> Result<Commit, Error> {
        let path =
            format!("{}/repository/branches/{}", self.project(repo)?, self.http.segment(branch)?);
        let branch: Branch = self.call(Method::GET, &path).send("branch").await?.json()?;
        Ok(Commit { sha: branch.commit.id, message: branch.commit.message })
    }

    pub(crate) async fn hooks(&self, repo: &str) -> Result<Vec<Hook>, Error> {
        let path = format!("{}/hooks?per_page=100", self.project(repo)?);
        let hooks: Vec<ProjectHook> = self.http.all(&path, self.token, "project").await?;
        Ok(hooks.into_iter().map(Hook::from).collect())
    }

    pub(crate) async fn hook(&self, repo: &str, id: &str) -> Result<Hook, Error> {
        let path = self.hook_path(repo, id)?;
        let hook: ProjectHook = self.call(Method::GET, &path).send("webhook").await?.json()?;
        Ok(hook.into())
    }

    pub(crate) async fn create_hook(
        &self,
        repo: &str,
        settings: &HookSettings,
    ) -> Result<Hook, Error> {
        let path = format!("{}/hooks", self.project(repo)?);
        self.put_hook(self.call(Method::POST, &path), settings, "project").await
    }

    /// GitLab leaves a disabled webhook disabled: a delivery that is answered with 2xx enables it.
    pub(crate) async fn update_hook(
        &self,
        repo: &str,
        id: &str,
        settings: &HookSettings,
    ) -> Result<Hook, Error> {
        let call = self.call(Method::PUT, &self.hook_path(repo, id)?);
        let hook = self.put_hook(call, settings, "webhook").await?;
        if hook.is_active {
            return Ok(hook);
        }
        match self.enable_hook(repo, id).await {
            // We did not take it, or tests are limited: it stays disabled, which the hook says.
            Ok(()) | Err(Error::Rejected { .. } | Error::RateLimited { .. }) => {}
            Err(error) => return Err(error),
        }
        self.hook(repo, id).await
    }

    async fn put_hook(
        &self,
        call: Call<'_>,
        settings: &HookSettings,
        what: &'static str,
    ) -> Result<Hook, Error> {
        let mut call = call.hiding(&settings.secret);
        if let Some(token) = &settings.signing_token {
            call = call.hiding(token);
        }
        let hook: ProjectHook = call.json(&wanted(settings)).send(what).await?.json()?;
        Ok(hook.into())
    }

    pub(crate) async fn delete_hook(&self, repo: &str, id: &str) -> Result<(), Error> {
        self.call(Method::DELETE, &self.hook_path(repo, id)?).send("webhook").await.map(drop)
    }

    pub(crate) async fn enable_hook(&self, repo: &str, id: &str) -> Result<(), Error> {
        let path = format!("{}/test/push_events", self.hook_path(repo, id)?);
        self.call(Method::POST, &path).send("webhook").await.map(drop)
    }

    /// A state that is there already, or behind the one that is, cannot be gone to: then all is well.
    pub(crate) async fn set_status(
        &self,
        repo: &str,
        sha: &str,
        status: &Status,
    ) -> Result<(), Error> {
        let path = format!("{}/statuses/{}", self.project(repo)?, self.http.segment(sha)?);
        let state = match status.state {
            StatusState::Pending => "pending",
            StatusState::Success => "success",
            StatusState::Failure => "failed",
            StatusState::Cancelled => "canceled",
        };
        let answer = self
            .call(Method::POST, &path)
            .json(&json!({
                "state": state,
                "name": status.context,
                "target_url": status.target_url,
                "description": cut(&status.description),
            }))
            .raw()
            .await?;
        let is_there = answer.status() == StatusCode::BAD_REQUEST
            && answer.message().contains("Cannot transition status");
        if is_there { Ok(()) } else { answer.check("commit").map(drop) }
    }
}

fn wanted(settings: &HookSettings) -> Value {
    let mut body = json!({
        "url": settings.url,
        "push_events": true,
        "token": settings.secret.expose_secret(),
        "enable_ssl_verification": true,
    });
    if let Some(token) = &settings.signing_token {
        body["signing_token"] = token.expose_secret().into();
    }
    body
}

impl Permissions {
    /// Administrators of the instance have neither, and may: then nothing is known.
    fn may_manage_hooks(self) -> Option<bool> {
        [self.project_access, self.group_access]
            .into_iter()
            .flatten()
            .map(|access| access.access_level)
            .max()
            .map(|level| level >= MAINTAINER)
    }
}

impl From<ProjectHook> for Hook {
    fn from(hook: ProjectHook) -> Self {
        Self {
            id: hook.id.to_string(),
            url: hook.url,
            is_active: hook.alert_status.is_none_or(|status| status == "executable"),
            disabled_until: hook.disabled_until,
            has_push_events: hook.push_events,
            is_json: true,
            verifies_tls: hook.enable_ssl_verification.unwrap_or(true),
            is_signed: hook.signing_token_present,
            last_response: None,
        }
    }
}

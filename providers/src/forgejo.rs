//! The API that Forgejo and Gitea share: `/api/swagger` of every server, and <https://codeberg.org/api/swagger>. Personal and
//! OAuth tokens both go as Bearer.

use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::{
    Account, Commit, Error, Hook, HookSettings, Repository, Status, StatusState,
    http::{Call, Http},
    model::cut,
};

pub(crate) struct Forgejo<'a> {
    pub(crate) http: &'a Http,
    pub(crate) token: &'a SecretString,
}

#[derive(Deserialize)]
struct User {
    login: String,
}

#[derive(Deserialize)]
struct Repo {
    id: u64,
    full_name: String,
    clone_url: String,
    default_branch: Option<String>,
    private: bool,
    #[serde(default)]
    empty: bool,
    permissions: Option<Permissions>,
}

#[derive(Deserialize)]
struct Permissions {
    admin: bool,
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
struct RepoHook {
    id: u64,
    active: bool,
    events: Vec<String>,
    config: HookConfig,
}

#[derive(Deserialize)]
struct HookConfig {
    url: Option<String>,
    content_type: Option<String>,
}

impl Forgejo<'_> {
    fn call(&self, method: Method, path: &str) -> Call<'_> {
        self.http.api(method, path).bearer(self.token)
    }

    fn hook_path(&self, repo: &str, id: &str) -> Result<String, Error> {
        let (repo, id) = (self.http.owner_and_name(repo)?, self.http.segment(id)?);
        Ok(format!("repos/{repo}/hooks/{id}"))
    }

    pub(crate) async fn account(&self) -> Result<Account, Error> {
        let user: User = self.call(Method::GET, "user").send("account").await?.json()?;
        Ok(Account { login: user.login })
    }

    pub(crate) async fn repository(&self, repo: &str) -> Result<Repository, Error> {
        let path = format!("repos/{}", self.http.owner_and_name(repo)?);
        let found: Repo = self.call(Method::GET, &path).send("repository").await?.json()?;
        Ok(Repository {
            id: found.id,
            full_name: found.full_name,
            clone_url: found.clone_url,
            default_branch: found.default_branch.filter(|name| !found.empty && !name.is_empty()),
            is_private: found.private,
            may_manage_hooks: found.permissions.map(|permissions| permissions.admin),
            pushed_at: None,
        })
    }

    pub(crate) async fn branch_head(&self, repo: &str, branch: &str) -> Result<Commit, Error> {
        let (repo, branch) = (self.http.owner_and_name(repo)?, self.http.segment(branch)?);
        let path = format!("repos/{repo}/branches/{branch}");
        let branch: Branch = self.call(Method::GET, &path).send("branch").await?.json()?;
        Ok(Commit { sha: branch.commit.id, message: branch.commit.message })
    }

    pub(crate) async fn hooks(&self, repo: &str) -> Result<Vec<Hook>, Error> {
        let path = format!("repos/{}/hooks?limit=50", self.http.owner_and_name(repo)?);
        let hooks: Vec<RepoHook> = self.http.all(&path, self.token, "repository").await?;
        Ok(hooks.into_iter().map(Hook::from).collect())
    }

    pub(crate) async fn hook(&self, repo: &str, id: &str) -> Result<Hook, Error> {
        let path = self.hook_path(repo, id)?;
        let hook: RepoHook = self.call(Method::GET, &path).send("webhook").await?.json()?;
        Ok(hook.into())
    }

    /// The type `gitea`: both know it, and Forgejo signs it in its own header, too.
    pub(crate) async fn create_hook(
        &self,
        repo: &str,
        settings: &HookSettings,
    ) -> Result<Hook, Error> {
        let path = format!("repos/{}/hooks", self.http.owner_and_name(repo)?);
        let hook: RepoHook = self
            .call(Method::POST, &path)
            .hiding(&settings.secret)
            .json(&json!({
                "type": "gitea",
                "active": true,
                "events": ["push"],
                "config": {
                    "url": settings.url,
                    "content_type": "json",
                    "secret": settings.secret.expose_secret(),
                },
            }))
            .send("repository")
            .await?
            .json()?;
        Ok(hook.into())
    }

    /// `PATCH` silently leaves the secret as it is (`routers/api/v1/utils/hook.go`, `editHook`, of both), so the webhook is made
    /// anew. The old one goes first: never two, and a push in between is found by the sweep.
    pub(crate) async fn update_hook(
        &self,
        repo: &str,
        id: &str,
        settings: &HookSettings,
    ) -> Result<Hook, Error> {
        self.delete_hook(repo, id).await?;
        self.create_hook(repo, settings).await
    }

    pub(crate) async fn delete_hook(&self, repo: &str, id: &str) -> Result<(), Error> {
        self.call(Method::DELETE, &self.hook_path(repo, id)?).send("webhook").await.map(drop)
    }

    pub(crate) async fn enable_hook(&self, repo: &str, id: &str) -> Result<(), Error> {
        self.call(Method::PATCH, &self.hook_path(repo, id)?)
            .json(&json!({ "active": true, "events": ["push"] }))
            .send("webhook")
            .await
            .map(drop)
    }

    pub(crate) async fn set_status(
        &self,
        repo: &str,
        sha: &str,
        status: &Status,
    ) -> Result<(), Error> {
        let (repo, sha) = (self.http.owner_and_name(repo)?, self.http.segment(sha)?);
        let state = match status.state {
            StatusState::Pending => "pending",
            StatusState::Success => "success",
            StatusState::Failure => "failure",
            StatusState::Cancelled => "error",
        };
        self.call(Method::POST, &format!("repos/{repo}/statuses/{sha}"))
            .json(&json!({
                "state": state,
                "target_url": status.target_url,
                "description": cut(&status.description),
                "context": status.context,
            }))
            .send("commit")
            .await
            .map(drop)
    }
}

impl From<RepoHook> for Hook {
    fn from(hook: RepoHook) -> Self {
        Self {
            id: hook.id.to_string(),
            url: hook.config.url.unwrap_or_default(),
            is_active: hook.active,
            disabled_until: None,
            has_push_events: hook.events.iter().any(|event| event == "push"),
            is_json: hook.config.content_type.as_deref() == Some("json"),
            // The server's own configuration says, not the webhook's.
            verifies_tls: true,
            is_signed: false,
            last_response: None,
        }
    }
}

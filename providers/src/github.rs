//! GitHub's REST API, version 2022-11-28: <https://docs.github.com/en/rest>.

use jiff::Timestamp;
use reqwest::Method;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    Account, Commit, Delivery, Error, Hook, HookSettings, Outcome, Repository, Status, StatusState,
    http::{Call, Http},
    model::cut,
};

/// How an installation's tokens begin; they are nobody's.
const OF_AN_INSTALLATION: &str = "ghs_";

pub(crate) struct Github<'a> {
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
    pushed_at: Option<Timestamp>,
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
    sha: String,
    commit: CommitText,
}

#[derive(Deserialize)]
struct CommitText {
    message: String,
}

#[derive(Deserialize)]
struct RepoHook {
    id: u64,
    active: bool,
    events: Vec<String>,
    config: HookConfig,
    last_response: Option<LastResponse>,
}

#[derive(Deserialize)]
struct HookConfig {
    url: Option<String>,
    content_type: Option<String>,
    /// `"0"`, `"1"` or a number.
    insecure_ssl: Option<Value>,
}

#[derive(Deserialize)]
struct LastResponse {
    code: Option<u16>,
    status: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize)]
struct HookDelivery {
    id: u64,
    guid: String,
    event: String,
    delivered_at: Timestamp,
    status_code: u16,
}

impl Github<'_> {
    fn call(&self, method: Method, path: &str) -> Call<'_> {
        self.http.api(method, path).bearer(self.token)
    }

    fn is_of_an_installation(&self) -> bool {
        self.token.expose_secret().starts_with(OF_AN_INSTALLATION)
    }

    fn hook_path(&self, repo: &str, id: &str) -> Result<String, Error> {
        let (repo, id) = (self.http.owner_and_name(repo)?, self.http.segment(id)?);
        Ok(format!("repos/{repo}/hooks/{id}"))
    }

    pub(crate) async fn account(&self) -> Result<Account, Error> {
        if self.is_of_an_installation() {
            return Ok(Account { login: String::new() });
        }
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
            default_branch: found.default_branch,
            is_private: found.private,
            // An installation's rights are not those of a collaborator.
            may_manage_hooks: found
                .permissions
                .filter(|_| !self.is_of_an_installation())
                .map(|permissions| permissions.admin),
            pushed_at: found.pushed_at.and_then(|at| u64::try_from(at.as_second()).ok()),
        })
    }

    pub(crate) async fn branch_head(&self, repo: &str, branch: &str) -> Result<Commit, Error> {
        let (repo, branch) = (self.http.owner_and_name(repo)?, self.http.segment(branch)?);
        let path = format!("repos/{repo}/branches/{branch}");
        let branch: Branch = self.call(Method::GET, &path).send("branch").await?.json()?;
        Ok(Commit { sha: branch.commit.sha, message: branch.commit.commit.message })
    }

    pub(crate) async fn hooks(&self, repo: &str) -> Result<Vec<Hook>, Error> {
        let path = format!("repos/{}/hooks?per_page=100", self.http.owner_and_name(repo)?);
        let hooks: Vec<RepoHook> = self.http.all(&path, self.token, "repository").await?;
        Ok(hooks.into_iter().map(Hook::from).collect())
    }

    pub(crate) async fn hook(&self, repo: &str, id: &str) -> Result<Hook, Error> {
        let path = self.hook_path(repo, id)?;
        let hook: RepoHook = self.call(Method::GET, &path).send("webhook").await?.json()?;
        Ok(hook.into())
    }

    pub(crate) async fn create_hook(
        &self,
        repo: &str,
        settings: &HookSettings,
    ) -> Result<Hook, Error> {
        let path = format!("repos/{}/hooks", self.http.owner_and_name(repo)?);
        let mut body = wanted(settings);
        body["name"] = "web".into();
        let hook: RepoHook = self
            .call(Method::POST, &path)
            .hiding(&settings.secret)
            .json(&body)
            .send("repository")
            .await?
            .json()?;
        Ok(hook.into())
    }

    pub(crate) async fn update_hook(
        &self,
        repo: &str,
        id: &str,
        settings: &HookSettings,
    ) -> Result<Hook, Error> {
        let hook: RepoHook = self
            .call(Method::PATCH, &self.hook_path(repo, id)?)
            .hiding(&settings.secret)
            .json(&wanted(settings))
            .send("webhook")
            .await?
            .json()?;
        Ok(hook.into())
    }

    pub(crate) async fn delete_hook(&self, repo: &str, id: &str) -> Result<(), Error> {
        self.call(Method::DELETE, &self.hook_path(repo, id)?).send("webhook").await.map(drop)
    }

    pub(crate) async fn enable_hook(&self, repo: &str, id: &str) -> Result<(), Error> {
        self.call(Method::PATCH, &self.hook_path(repo, id)?)
            .json(&json!({ "active": true }))
            .send("webhook")
            .await
            .map(drop)
    }

    pub(crate) async fn deliveries(&self, repo: &str, id: &str) -> Result<Vec<Delivery>, Error> {
        let path = format!("{}/deliveries?per_page=100", self.hook_path(repo, id)?);
        let list: Vec<HookDelivery> =
            self.call(Method::GET, &path).send("webhook").await?.json()?;
        Ok(list.into_iter().map(Delivery::from).collect())
    }

    pub(crate) async fn redeliver(&self, repo: &str, id: &str, delivery: u64) -> Result<(), Error> {
        let path = format!("{}/deliveries/{delivery}/attempts", self.hook_path(repo, id)?);
        self.call(Method::POST, &path).send("delivery").await.map(drop)
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

/// A webhook as it is to be. The secret stands there each time: without it, GitHub takes the one it has away.
fn wanted(settings: &HookSettings) -> Value {
    json!({
        "active": true,
        "events": ["push"],
        "config": {
            "url": settings.url,
            "content_type": "json",
            "secret": settings.secret.expose_secret(),
            "insecure_ssl": "0",
        },
    })
}

impl From<RepoHook> for Hook {
    fn from(hook: RepoHook) -> Self {
        let verifies_tls = match &hook.config.insecure_ssl {
            Some(Value::String(text)) => text == "0",
            Some(Value::Number(number)) => number.as_u64() == Some(0),
            _ => true,
        };
        Self {
            id: hook.id.to_string(),
            url: hook.config.url.unwrap_or_default(),
            is_active: hook.active,
            disabled_until: None,
            has_push_events: hook.events.iter().any(|event| event == "push" || event == "*"),
            is_json: hook.config.content_type.as_deref() == Some("json"),
            verifies_tls,
            is_signed: false,
            last_response: hook.last_response.and_then(LastResponse::words),
        }
    }
}

impl LastResponse {
    /// `502: Bad Gateway`; none before the first delivery.
    fn words(self) -> Option<String> {
        let said = self.message.or(self.status.filter(|status| status != "unused"));
        match (self.code, said) {
            (Some(code), Some(said)) if code > 0 => Some(cut(&format!("{code}: {said}"))),
            (Some(code), None) if code > 0 => Some(code.to_string()),
            (_, said) => said.map(|said| cut(&said)),
        }
    }
}

impl From<HookDelivery> for Delivery {
    fn from(delivery: HookDelivery) -> Self {
        let outcome = if (200..300).contains(&delivery.status_code) {
            Outcome::Delivered
        } else {
            Outcome::Failed
        };
        Self {
            id: delivery.id,
            guid: delivery.guid,
            event: delivery.event,
            delivered_at: delivery.delivered_at,
            outcome,
            status_code: delivery.status_code,
        }
    }
}

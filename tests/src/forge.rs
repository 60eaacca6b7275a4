//! The stand-in of GitHub, GitLab and Forgejo, as tests and demo ask it: what lies on the providers' side, and what goes
//! wrong there.

use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};
use forge_standin::{Attempt, Entry, Hook, Repo, Status};
use reqwest::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    api::{self, Answer, Api},
    hook::{self, Sent, Update},
};

pub use forge_standin::INSTALLATION;

/// A client of it.
#[derive(Debug, Clone)]
pub struct Forge {
    url: String,
    http: reqwest::Client,
}

/// A push, as it came out.
#[derive(Debug, Clone, Deserialize)]
pub struct Pushed {
    /// The commit before.
    pub before: String,
    /// The commit after.
    pub after: String,
    /// The deliveries that were attempted.
    pub attempts: Vec<Attempt>,
}

impl Pushed {
    /// The deploy that the only delivery was promised.
    #[must_use]
    pub fn deploy_id(&self) -> Option<Uuid> {
        let [attempt] = self.attempts.as_slice() else { return None };
        Uuid::try_parse(attempt.answer["deploy_id"].as_str()?).ok()
    }
}

impl Forge {
    /// The one behind `url`.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self { url: url.trim_end_matches('/').to_owned(), http: api::http_client()? })
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A public repository, with `main` as its default branch and nothing in it.
    pub async fn create_repo(&self, provider: &str, repo: &str) -> Result<Repo> {
        self.create_repo_with(provider, repo, json!({})).await
    }

    /// The same; `settings`: `id`, `private`, `permissions`, `default_branch`, `clone_url`.
    pub async fn create_repo_with(
        &self,
        provider: &str,
        repo: &str,
        settings: Value,
    ) -> Result<Repo> {
        self.ask(Method::POST, "repos", &about(provider, repo, settings)).await
    }

    /// Changes a repository: `rename`, `id`, `private`, `visible`, `permissions`.
    pub async fn change_repo(&self, provider: &str, repo: &str, changes: Value) -> Result<Repo> {
        self.ask(Method::PATCH, "repos", &about(provider, repo, changes)).await
    }

    /// Pushes a new commit to the default branch; the deliveries have been answered when this returns.
    pub async fn push(&self, provider: &str, repo: &str) -> Result<Pushed> {
        self.push_with(provider, repo, json!({})).await
    }

    /// The same; `push`: `branch` or `ref`, `before`, `after`, `commits` (`message`, `paths`), `deliver`.
    pub async fn push_with(&self, provider: &str, repo: &str, push: Value) -> Result<Pushed> {
        self.ask(Method::POST, "push", &about(provider, repo, push)).await
    }

    /// Tells of one updated reference of the repository at `git_dir`, which is the provider's `repo`.
    pub async fn updated(
        &self,
        provider: &str,
        repo: &str,
        git_dir: &Path,
        update: &Update,
    ) -> Result<Pushed> {
        let commits = hook::commits(git_dir, update).await?;
        let commit = |(message, paths): &(String, Vec<String>)| -> Value {
            json!({ "message": message, "paths": paths })
        };
        let push = json!({
            "ref": update.reference,
            "before": update.before,
            "after": update.after,
            "commits": commits.iter().map(commit).collect::<Vec<_>>(),
        });
        self.push_with(provider, repo, push).await
    }

    /// The last delivery that a repository's only webhook was sent, and its answer.
    pub async fn last_sent(&self, provider: &str, repo: &str) -> Result<Sent> {
        let attempt = self.hook(provider, repo).await?.attempts.pop();
        Ok(sent(attempt.context("nothing was delivered yet")?))
    }

    /// Changes switches of a provider; those that are not named stay as they are.
    pub async fn switch(&self, provider: &str, switches: Value) -> Result<()> {
        let _: Value = self.ask(Method::PATCH, "switches", &json!({ provider: switches })).await?;
        Ok(())
    }

    /// Every request that came to the providers, oldest first.
    pub async fn journal(&self) -> Result<Vec<Entry>> {
        self.journal_since(0).await
    }

    /// The same, after the entry with this number.
    pub async fn journal_since(&self, number: u64) -> Result<Vec<Entry>> {
        let url = format!("{}/forge/journal?since={number}", self.url);
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// A repository as it is.
    pub async fn repo(&self, provider: &str, repo: &str) -> Result<Repo> {
        let url = format!("{}/forge/state", self.url);
        let mut state: Value = self.http.get(url).send().await?.error_for_status()?.json().await?;
        let repos: Vec<Repo> = serde_json::from_value(state["repos"].take())?;
        let is = |known: &Repo| known.provider.name() == provider && known.full_name == repo;
        repos.into_iter().find(is).with_context(|| format!("no repository {repo} at {provider}"))
    }

    /// Its webhooks, with their attempts at deliveries.
    pub async fn hooks(&self, provider: &str, repo: &str) -> Result<Vec<Hook>> {
        Ok(self.repo(provider, repo).await?.hooks)
    }

    /// Its only webhook.
    pub async fn hook(&self, provider: &str, repo: &str) -> Result<Hook> {
        let mut hooks = self.hooks(provider, repo).await?;
        ensure!(hooks.len() == 1, "not one hook: {hooks:?}");
        hooks.pop().context("no hook")
    }

    /// Changes webhooks by hand: `id` (all when absent), `url`, `active`, `events`, `secret`, `content_type`,
    /// `verifies_tls`, `disabled`, `disabled_for_seconds`.
    pub async fn change_hooks(&self, provider: &str, repo: &str, changes: Value) -> Result<()> {
        let _: Value = self.ask(Method::PATCH, "hooks", &about(provider, repo, changes)).await?;
        Ok(())
    }

    /// Removes all webhooks by hand.
    pub async fn remove_hooks(&self, provider: &str, repo: &str) -> Result<()> {
        self.tell(Method::DELETE, "hooks", &about(provider, repo, json!({}))).await.map(drop)
    }

    /// Commit statuses, oldest first.
    pub async fn statuses(&self, provider: &str, repo: &str) -> Result<Vec<Status>> {
        Ok(self.repo(provider, repo).await?.statuses)
    }

    /// A personal access token with all the scopes that the platform needs.
    pub async fn personal_token(&self, provider: &str) -> Result<String> {
        let made: Value =
            self.ask(Method::POST, "tokens", &json!({ "provider": provider })).await?;
        Ok(made["token"].as_str().context("no token")?.to_owned())
    }

    /// Ends every token at a provider, as somebody does who revokes our access there.
    pub async fn revoke(&self, provider: &str) -> Result<()> {
        self.tell(Method::POST, "revoke", &json!({ "provider": provider })).await.map(drop)
    }

    /// Lets every access token at a provider expire; they can be refreshed.
    pub async fn expire_tokens(&self, provider: &str) -> Result<()> {
        let of = json!({ "provider": provider, "keep_refresh": true });
        self.tell(Method::POST, "revoke", &of).await.map(drop)
    }

    /// Lets every code expire that was not exchanged yet.
    pub async fn expire_codes(&self) -> Result<()> {
        self.tell(Method::POST, "expire-codes", &json!({})).await.map(drop)
    }

    /// Goes where a browser is sent, and consents: the URL of the platform that it is sent back to.
    pub async fn consent(&self, authorize_url: &str) -> Result<String> {
        let answer = self.http.get(authorize_url).send().await?;
        let back = answer.headers().get("location").and_then(|value| value.to_str().ok());
        match back.map(str::to_owned) {
            Some(back) => Ok(back),
            None => bail!("{}: {}", answer.status(), answer.text().await?),
        }
    }

    /// The same and back to the platform, which answers.
    pub async fn follow_oauth(&self, authorize_url: &str) -> Result<Answer> {
        let back = self.consent(authorize_url).await?;
        api::get(&self.http, &back).await
    }

    /// Connects the tenant of `api` to a provider, as a person does with a browser.
    pub async fn connect(&self, api: &Api, provider: &str) -> Result<()> {
        let path = format!("/v1/auth/{provider}/connect");
        let begun = api.call(Method::GET, &path, None).await?;
        let url = begun.body["authorize_url"].as_str();
        let url = url.with_context(|| format!("{path}: {} {}", begun.status, begun.body))?;
        let connected = self.follow_oauth(url).await?;
        ensure!(connected.status == 200, "not connected: {} {}", connected.status, connected.body);
        Ok(())
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        what: &str,
        body: &Value,
    ) -> Result<T> {
        Ok(self.tell(method, what, body).await?.json().await?)
    }

    async fn tell(&self, method: Method, what: &str, body: &Value) -> Result<reqwest::Response> {
        let url = format!("{}/forge/{what}", self.url);
        let answer = self.http.request(method, url).json(body).send().await?;
        if answer.status().is_success() {
            return Ok(answer);
        }
        bail!("the stand-in's {what}: {} {}", answer.status(), answer.text().await?)
    }
}

/// An attempt, as whoever sent it knows it.
#[must_use]
pub fn sent(attempt: Attempt) -> Sent {
    let (status, body) = (attempt.status_code, attempt.answer);
    Sent { delivery: attempt.delivery, answer: Answer { status, body, retry_after: None } }
}

/// A repository, and what else is said of it.
fn about(provider: &str, repo: &str, more: Value) -> Value {
    let mut fields = Map::from_iter([
        ("provider".to_owned(), provider.into()),
        ("repo".to_owned(), repo.into()),
    ]);
    if let Value::Object(more) = more {
        fields.extend(more);
    }
    fields.into()
}

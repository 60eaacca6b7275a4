//! A client for what the platform offers: its management API, its webhooks, its health.

use std::{sync::PoisonError, time::Duration};

use anyhow::{Context as _, Result, bail};
use reqwest::{Method, StatusCode};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use tonic::transport::Endpoint;
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use uuid::Uuid;

use crate::{deliveries::Delivery, wait};

const TIMEOUT: Duration = Duration::from_secs(30);

/// An HTTP client with our deadline. It never follows redirects: the platform must not send any.
pub fn http_client() -> Result<reqwest::Client> {
    // Needed once a process; the second time says that it is there.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .context("make an HTTP client")
}

/// Waits until `/readyz` of the ingress at `address` says yes.
pub async fn http_ready(address: &str, patience: Duration) -> Result<()> {
    let (http, url) = (http_client()?, format!("http://{address}/readyz"));
    wait::until(&url, patience, || async {
        let answer = http.get(&url).send().await?;
        let status = answer.status();
        if status.is_success() {
            return Ok(Some(()));
        }
        bail!("{status}: {}", answer.text().await?)
    })
    .await
}

/// Waits until the gRPC service at `address` says that it serves.
pub async fn grpc_healthy(address: &str, patience: Duration) -> Result<()> {
    let url = format!("http://{address}");
    wait::until(&format!("gRPC health of {url}"), patience, || async {
        let channel = Endpoint::from_shared(url.clone())?.timeout(TIMEOUT).connect().await?;
        let mut client = HealthClient::new(channel);
        let answer = client.check(HealthCheckRequest::default()).await?.into_inner();
        Ok((answer.status() == ServingStatus::Serving).then_some(()))
    })
    .await
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body, which is always JSON; null when there is none.
    pub body: Value,
    /// `Retry-After`, when there is one.
    pub retry_after: Option<String>,
}

impl Answer {
    /// The deploy that a 202 promises.
    #[must_use]
    pub fn deploy_id(&self) -> Option<Uuid> {
        Uuid::try_parse(self.body.get("deploy_id")?.as_str()?).ok()
    }

    async fn of(answer: reqwest::Response) -> Result<Self> {
        let status = answer.status().as_u16();
        let retry_after = answer.headers().get("retry-after");
        let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let bytes = answer.bytes().await?;
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? };
        Ok(Self { status, body, retry_after })
    }
}

/// An app, as it was created.
#[derive(Debug, Clone, Deserialize)]
pub struct App {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// Where it will be live.
    pub url: String,
}

/// How an app is linked to a repository.
#[derive(Debug, Clone, Deserialize)]
pub struct Source {
    /// Where the provider sends deliveries.
    pub webhook_url: String,
    /// Shown once, when it was made.
    pub webhook_secret: Option<String>,
}

/// A deploy as `GET /v1/deploys/{id}` reports it.
#[derive(Debug, Clone, Deserialize)]
pub struct Deploy {
    /// Its id.
    pub deploy_id: Uuid,
    /// Its app.
    pub app_id: Uuid,
    /// The commit.
    pub sha: String,
    /// Where it came from, for instance `github_webhook:<sha>`.
    pub source: String,
    /// `requested` … `live`, `failed` and so on.
    pub state: String,
    /// Why it ended as it did.
    pub reason: Option<String>,
    /// The image by digest.
    pub image: Option<String>,
    /// What happened to it.
    pub events: Vec<DeployEvent>,
}

/// One event of a deploy.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DeployEvent {
    /// Version of the app's line at which it stands.
    pub version: u64,
    /// Its name, for instance `went_live`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it was recorded.
    pub at: String,
}

impl Deploy {
    /// Whether it will never change again.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        ["live", "failed", "superseded", "cancelled", "duplicate"].contains(&self.state.as_str())
    }
}

/// The platform, as a person with its management token sees it.
#[derive(Debug, Clone)]
pub struct Api {
    http: reqwest::Client,
    url: String,
    token: String,
}

impl Api {
    /// The platform behind `url`.
    pub fn new(url: &str, token: &str) -> Result<Self> {
        let (url, token) = (url.trim_end_matches('/').to_owned(), token.to_owned());
        Ok(Self { http: http_client()?, url, token })
    }

    /// Where its ingress is.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Any call of the management API.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Answer> {
        let url = format!("{}{path}", self.url);
        let mut request = self.http.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request.send().await?).await
    }

    async fn expect<T: DeserializeOwned>(
        &self,
        status: StatusCode,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T> {
        let answer = self.call(method.clone(), path, body).await?;
        if answer.status != status.as_u16() {
            bail!("{method} {path}: {} {}", answer.status, answer.body);
        }
        serde_json::from_value(answer.body).with_context(|| format!("{method} {path}"))
    }

    /// Creates an app.
    pub async fn create_app(&self, name: &str) -> Result<App> {
        let body = json!({ "name": name });
        self.expect(StatusCode::CREATED, Method::POST, "/v1/apps", Some(body)).await
    }

    /// The app of this name.
    pub async fn find_app(&self, name: &str) -> Result<App> {
        let mut path = "/v1/apps?page_size=200".to_owned();
        loop {
            let answer = self.call(Method::GET, &path, None).await?;
            let apps: Vec<App> = serde_json::from_value(answer.body["apps"].clone())
                .with_context(|| format!("{path}: {} {}", answer.status, answer.body))?;
            if let Some(app) = apps.into_iter().find(|app| app.name == name) {
                return Ok(app);
            }
            let next = answer.body["next_page_token"].as_str();
            let next = next.with_context(|| format!("no app {name}"))?;
            path = format!("/v1/apps?page_size=200&page_token={next}");
        }
    }

    /// Links an app to a repository: `settings` are the fields of the call.
    pub async fn link(&self, app: Uuid, settings: Value) -> Result<Source> {
        let path = format!("/v1/apps/{app}/git/source");
        self.expect(StatusCode::OK, Method::PUT, &path, Some(settings)).await
    }

    /// One deploy.
    pub async fn deploy(&self, id: Uuid) -> Result<Deploy> {
        self.expect(StatusCode::OK, Method::GET, &format!("/v1/deploys/{id}"), None).await
    }

    /// The deploys of an app, newest first.
    pub async fn deploys(&self, app: Uuid) -> Result<Value> {
        self.expect(StatusCode::OK, Method::GET, &format!("/v1/apps/{app}/deploys"), None).await
    }

    /// Cancels a deploy.
    pub async fn cancel(&self, id: Uuid) -> Result<Answer> {
        self.call(Method::POST, &format!("/v1/deploys/{id}/cancel"), Some(json!({}))).await
    }

    /// Rolls an app back, to the release of `deploy` or to the one before the live one.
    pub async fn roll_back(&self, app: Uuid, deploy: Option<Uuid>) -> Result<Answer> {
        let body = deploy.map_or(json!({}), |id| json!({ "deploy_id": id }));
        self.call(Method::POST, &format!("/v1/apps/{app}/rollback"), Some(body)).await
    }

    /// Waits until a deploy has ended.
    pub async fn wait_for_end(&self, id: Uuid, patience: Duration) -> Result<Deploy> {
        self.wait_for(id, patience, "end", Deploy::has_ended).await
    }

    /// Waits until a deploy is in `state`; at once an error when it has ended in another.
    pub async fn wait_for_state(
        &self,
        id: Uuid,
        state: &str,
        patience: Duration,
    ) -> Result<Deploy> {
        let arrived = |deploy: &Deploy| deploy.state == state || deploy.has_ended();
        let deploy = self.wait_for(id, patience, state, arrived).await?;
        if deploy.state != state {
            bail!("deploy {id} is {}, not {state}: {:?}", deploy.state, deploy.reason);
        }
        Ok(deploy)
    }

    async fn wait_for(
        &self,
        id: Uuid,
        patience: Duration,
        what: &str,
        arrived: impl Fn(&Deploy) -> bool,
    ) -> Result<Deploy> {
        let last = std::sync::Mutex::new(None);
        let what = format!("deploy {id} to reach: {what}");
        let waited = wait::until(&what, patience, || async {
            let deploy = self.deploy(id).await?;
            if arrived(&deploy) {
                return Ok(Some(deploy));
            }
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(deploy);
            Ok(None)
        });
        let waited = waited.await;
        waited.with_context(|| format!("last seen: {last:?}"))
    }

    /// Sends a delivery as its provider would, to the app's webhook.
    pub async fn deliver(&self, app: Uuid, delivery: &Delivery) -> Result<Answer> {
        let url = format!("{}/v1/webhooks/{}/{app}", self.url, delivery.provider);
        send(&self.http, &url, delivery).await
    }
}

/// Sends a delivery to a webhook.
pub async fn send(http: &reqwest::Client, url: &str, delivery: &Delivery) -> Result<Answer> {
    let mut request = http.post(url).body(delivery.body.clone());
    for (name, value) in &delivery.headers {
        request = request.header(name, value);
    }
    Answer::of(request.send().await?).await
}

/// What a URL of the platform answers to whoever has no token.
pub async fn get(http: &reqwest::Client, url: &str) -> Result<Answer> {
    Answer::of(http.get(url).header("accept", "application/json").send().await?).await
}

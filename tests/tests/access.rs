//! Who may do what: tenants, their tokens and scopes, on every route; what is noted of it; requests that come again.

mod audit;
mod idempotency;
mod pages;
mod routes;
mod tenants;
mod tokens;

use e2e::harness::Platform;
use paas_proto::events::Provider;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

/// Somebody with a token, or the operator for a tenant.
#[derive(Clone)]
struct Somebody {
    http: Client,
    url: String,
    token: String,
    tenant: Option<String>,
}

impl Somebody {
    fn operator(platform: &Platform) -> Self {
        let token = platform.wiring().keys.api_token.clone();
        let (http, url) = (e2e::api::http_client().unwrap(), platform.api.url().to_owned());
        Self { http, url, token, tenant: None }
    }

    fn with(&self, token: &str) -> Self {
        Self { token: token.to_owned(), tenant: None, ..self.clone() }
    }

    fn of(&self, tenant: &str) -> Self {
        Self { tenant: Some(tenant.to_owned()), ..self.clone() }
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        let request = request.bearer_auth(&self.token);
        match &self.tenant {
            Some(tenant) => request.header("X-Paas-Tenant", tenant),
            None => request,
        }
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        answer(self.request(method, path).json(&body)).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path)).await
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, body).await
    }

    /// Makes a token for the tenant.
    async fn token(&self, name: &str, scope: &str) -> String {
        let (status, made) = self.post("/v1/tokens", json!({ "name": name, "scope": scope })).await;
        assert_eq!(status, 201, "{made}");
        made["token"].as_str().unwrap().to_owned()
    }

    /// Makes a tenant; the operator for it.
    async fn tenant(&self, name: &str) -> Self {
        let (status, made) = self.post("/v1/tenants", json!({ "name": name })).await;
        assert_eq!(status, 201, "{made}");
        self.of(name)
    }

    async fn app(&self, name: &str) -> String {
        let (status, made) = self.post("/v1/apps", json!({ "name": name })).await;
        assert_eq!(status, 201, "{made}");
        made["id"].as_str().unwrap().to_owned()
    }
}

/// Status and body; null where there is no JSON.
async fn answer(request: RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.bytes().await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_default())
}

/// A message on an app's subject that can never be taken in.
async fn poison(platform: &Platform, app: &str) {
    let subject = platform.prefix().unwrap().push_subject(Provider::Github, app.parse().unwrap());
    crate::dead_letters::publish(platform, subject, app, b"\xff poison".to_vec()).await;
}

fn error(text: &str) -> Value {
    json!({ "error": text })
}

/// A platform without a deployer: enough for what Postgres alone answers.
async fn ingress_alone() -> Platform {
    let options = e2e::harness::Options { deployers_run: false, ..Default::default() };
    Platform::start_with(options).await.unwrap()
}

//! Tenants connect providers, over real HTTP with the providers' stand-in: in the browser, with tokens, and what becomes
//! of that later.

mod browser;
mod clone_credentials;
mod credentials;
mod renewal;

use e2e::{
    api::{Answer, Api},
    harness::{Options, Platform},
};
use reqwest::Method;
use serde_json::{Value, json};

/// A platform with providers, and nobody who deploys.
pub(crate) async fn platform() -> Platform {
    let options = Options { forge: true, deployers_run: false, ..Options::default() };
    Platform::start_with(options).await.unwrap()
}

/// The URL that a browser is sent to.
pub(crate) async fn begin(api: &Api, provider: &str) -> String {
    let path = format!("/v1/auth/{provider}/connect");
    let answer = api.call(Method::GET, &path, None).await.unwrap();
    answer.body["authorize_url"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

/// A provider's row of `GET /v1/auth`.
pub(crate) async fn standing(api: &Api, provider: &str) -> Value {
    let answer = api.call(Method::GET, "/v1/auth", None).await.unwrap();
    let providers = answer.body["providers"].as_array().unwrap();
    providers.iter().find(|row| row["provider"] == provider).unwrap().clone()
}

/// A tenant of this name, and its API with a token of its own.
pub(crate) async fn tenant(platform: &Platform, name: &str) -> Api {
    let body = json!({ "name": name });
    let made = platform.api.call(Method::POST, "/v1/tenants", Some(body)).await.unwrap();
    assert_eq!(made.status, 201, "{made:?}");
    let body = json!({ "name": "admin", "scope": "admin" });
    let url = format!("{}/v1/tokens", platform.api.url());
    let request = e2e::api::http_client().unwrap().post(url).json(&body);
    let request = request.bearer_auth(&platform.wiring().keys.api_token);
    let token: Value =
        request.header("x-paas-tenant", name).send().await.unwrap().json().await.unwrap();
    Api::new(platform.api.url(), token["token"].as_str().unwrap()).unwrap()
}

/// Refused with this status and text.
pub(crate) fn is_refused(answer: &Answer, status: u16, text: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.body["error"].as_str().unwrap().contains(text), "{answer:?}");
}

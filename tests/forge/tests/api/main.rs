//! What others rely on: the stand-in answers as the documented APIs do, and sends what they send.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod consent;
mod deliveries;
mod hooks;
mod receiver;
mod statuses;
mod upsets;

use forge_standin::{Forge, Options};
use reqwest::{Method, Response};
use serde_json::{Value, json};

/// A stand-in with somebody who asks it.
struct World {
    forge: Forge,
    http: reqwest::Client,
}

impl World {
    fn new() -> Self {
        Self::with(Options::default())
    }

    fn with(options: Options) -> Self {
        let forge = Forge::start(options).unwrap();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("test")
            .no_proxy()
            .build()
            .unwrap();
        Self { forge, http }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.forge.url())
    }

    /// Anything, with a JSON body unless it is null; status and JSON of the answer.
    async fn ask(&self, method: Method, path: &str, token: &str, body: Value) -> (u16, Value) {
        let answer = self.send(method, path, token, body).await;
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }

    async fn send(&self, method: Method, path: &str, token: &str, body: Value) -> Response {
        let mut request = self.http.request(method, self.url(path));
        if !token.is_empty() {
            request = request.bearer_auth(token);
        }
        if !body.is_null() {
            request = request.json(&body);
        }
        request.send().await.unwrap()
    }

    async fn forge(&self, method: Method, what: &str, body: Value) -> Value {
        let (status, answer) = self.ask(method, &format!("/forge/{what}"), "", body).await;
        assert!((200..300).contains(&status), "{what}: {status} {answer}");
        answer
    }

    async fn switch(&self, switches: Value) {
        self.forge(Method::PATCH, "switches", switches).await;
    }

    /// A repository `octo/hello` with a commit, and a token for it.
    async fn repository(&self, provider: &str) -> String {
        let repo = json!({ "provider": provider, "repo": "octo/hello" });
        self.forge(Method::POST, "repos", repo.clone()).await;
        self.forge(Method::POST, "push", repo).await;
        let token = self.forge(Method::POST, "tokens", json!({ "provider": provider })).await;
        token["token"].as_str().unwrap().to_owned()
    }

    async fn hooks(&self) -> Value {
        self.forge(Method::GET, "state", Value::Null).await["repos"][0]["hooks"].take()
    }
}

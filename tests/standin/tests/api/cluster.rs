//! A stand-in for one test, with a raw HTTP client.

use std::time::Duration;

use cluster_standin::{Options, Standin};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::recorded::{self, Exchange};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Cluster {
    pub(crate) standin: Standin,
    pub(crate) client: reqwest::Client,
}

/// Options for a quick cluster with these namespaces.
pub(crate) fn quick(namespaces: &[&str]) -> Options {
    Options {
        namespaces: namespaces.iter().map(ToString::to_string).collect(),
        build: Duration::from_millis(60),
        rollout_step: Duration::from_millis(1),
        rollout_deadline: Duration::from_millis(5),
        ..Options::default()
    }
}

impl Cluster {
    pub(crate) fn start(namespaces: &[&str]) -> Self {
        Self::with(quick(namespaces))
    }

    pub(crate) fn with(options: Options) -> Self {
        let standin = Standin::start(options).unwrap();
        Self { standin, client: reqwest::Client::builder().timeout(PATIENCE).build().unwrap() }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.standin.url());
        self.client.request(method, url).bearer_auth(self.standin.token())
    }

    pub(crate) async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        answer(self.request(Method::POST, path).json(body).send().await.unwrap()).await
    }

    pub(crate) async fn patch(&self, path: &str, format: &str, body: &Value) -> (u16, Value) {
        let request = self.request(Method::PATCH, path).header("content-type", format);
        answer(request.body(body.to_string()).send().await.unwrap()).await
    }

    pub(crate) async fn apply(&self, path: &str, body: &Value) -> (u16, Value) {
        self.patch(path, "application/apply-patch+yaml", body).await
    }

    pub(crate) async fn merge(&self, path: &str, body: &Value) -> (u16, Value) {
        self.patch(path, "application/merge-patch+json", body).await
    }

    /// Sends a recorded request.
    pub(crate) async fn send(&self, exchange: &Exchange) -> Response {
        let mut request = self
            .request(exchange.method.parse().unwrap(), &exchange.path)
            .body(exchange.body.clone());
        if let Some(content_type) = &exchange.content_type {
            request = request.header("content-type", content_type);
        }
        request.send().await.unwrap()
    }

    /// Opens a watch.
    pub(crate) async fn watch(&self, path: &str) -> Events {
        let response = self.request(Method::GET, path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        Events { response, unread: String::new() }
    }

    /// Waits until a watch of the path shows an object of which this is true.
    pub(crate) async fn until(&self, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut events = self.watch(&format!("{path}?watch=1")).await;
        loop {
            let (_, object) = events.next().await.unwrap();
            if is_so(&object) {
                return object;
            }
        }
    }

    pub(crate) async fn create_pipeline(&self, namespace: &str) {
        let spec = json!({
            "params": [
                {"name": "image", "type": "string"},
                {"name": "revision", "type": "string", "default": "HEAD"},
            ],
            "results": [{"name": "digest", "value": "$(tasks.build.results.digest)"}],
            "tasks": [
                {
                    "name": "build", "taskRef": {"name": "build"},
                    "params": [{"name": "image", "value": "$(params.image)"}],
                },
                {
                    "name": "sign", "taskRef": {"name": "sign"},
                    "params": [{"name": "digest", "value": "$(tasks.build.results.digest)"}],
                },
            ],
        });
        let body = json!({"metadata": {"name": "ci"}, "spec": spec});
        let path = format!("/apis/tekton.dev/v1/namespaces/{namespace}/pipelines");
        assert_eq!(self.post(&path, &body).await.0, 201);
    }
}

/// The status and the body of an answer.
pub(crate) async fn answer(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap())
}

/// The events of an open watch.
pub(crate) struct Events {
    response: Response,
    unread: String,
}

impl Events {
    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<(String, Value)> {
        self.try_next().await.unwrap()
    }

    /// The next event, or how the stream broke.
    pub(crate) async fn try_next(&mut self) -> reqwest::Result<Option<(String, Value)>> {
        loop {
            if let Some(end) = self.unread.find('\n') {
                let line: String = self.unread.drain(..=end).collect();
                return Ok(Some(recorded::event(&serde_json::from_str(&line).unwrap())));
            }
            let chunk = timeout(PATIENCE, self.response.chunk()).await.unwrap()?;
            let Some(chunk) = chunk else { return Ok(None) };
            self.unread.push_str(std::str::from_utf8(&chunk).unwrap());
        }
    }
}

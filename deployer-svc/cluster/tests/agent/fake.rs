//! An API server of a few lines: it keeps what it was sent and answers as it was told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use cluster_agent::{Agent, Settings};
use kube::client::Body;
use serde_json::{Value, json};

/// One request as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    /// `METHOD path?query`.
    pub(crate) line: String,
    pub(crate) content_type: String,
    /// Null when there was none.
    pub(crate) body: Value,
}

/// Status and body of an answer.
pub(crate) type Answer = (u16, String);

/// What the server was sent so far.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<Vec<Seen>>>);

impl Requests {
    pub(crate) fn all(&self) -> Vec<Seen> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.all().into_iter().map(|seen| seen.line).collect()
    }

    pub(crate) fn body(&self, index: usize) -> Value {
        self.all().get(index).expect("so many requests").body.clone()
    }
}

/// An agent whose API server gives these answers one after the other.
pub(crate) fn agent(answers: impl IntoIterator<Item = (u16, Value)>) -> (Agent, Requests) {
    let answers: VecDeque<_> = answers.into_iter().collect();
    let answers = Mutex::new(answers);
    agent_with(move |seen| {
        let answer = answers.lock().unwrap().pop_front();
        let (status, body) = answer.unwrap_or_else(|| panic!("not expected: {seen:?}"));
        Some((status, body.to_string()))
    })
}

/// An agent whose API server answers by a rule; none keeps the caller waiting.
pub(crate) fn agent_with(
    rule: impl Fn(&Seen) -> Option<Answer> + Send + Sync + 'static,
) -> (Agent, Requests) {
    let requests = Requests::default();
    let (rule, kept) = (Arc::new(rule), requests.clone());
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let (rule, kept) = (rule.clone(), kept.clone());
        async move {
            let seen = read(request).await;
            kept.0.lock().unwrap().push(seen.clone());
            let Some((status, body)) = rule(&seen) else { return std::future::pending().await };
            let answer =
                http::Response::builder().status(status).body(Body::from(body.into_bytes()));
            Ok::<_, std::convert::Infallible>(answer.unwrap())
        }
    });
    let client = kube::Client::new(service, "default");
    (Agent::new(client, &settings()).unwrap(), requests)
}

async fn read(request: http::Request<Body>) -> Seen {
    let (parts, body) = request.into_parts();
    let content_type = parts.headers.get("content-type");
    let content_type = content_type.map_or(String::new(), |value| value.to_str().unwrap().into());
    let body = body.collect_bytes().await.unwrap();
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Seen { line: format!("{} {}", parts.method, parts.uri), content_type, body }
}

/// The defaults, with a key.
pub(crate) fn settings() -> Settings {
    #[derive(clap::Parser)]
    struct Command {
        #[command(flatten)]
        settings: Settings,
    }
    let key = "07".repeat(32);
    <Command as clap::Parser>::parse_from(["test", "--callback-key", &key]).settings
}

/// A `Status` as the API server words it.
pub(crate) fn refusal(code: u16, reason: &str, message: &str) -> (u16, Value) {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code
    });
    (code, body)
}

pub(crate) fn missing() -> (u16, Value) {
    refusal(404, "NotFound", "deployments.apps \"web\" not found")
}

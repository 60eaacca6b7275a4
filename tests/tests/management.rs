//! The management API over real HTTP: each call's statuses and shapes.

mod access;
mod apps;
mod deploys;
mod secrets;
mod sources;

use e2e::{
    api::Answer,
    harness::{Options, Platform},
};
use reqwest::Method;
use serde_json::Value;

/// A platform whose deployer does not run: enough for apps and sources.
async fn ingress_alone() -> Platform {
    let options = Options { deployers_run: false, ..Options::default() };
    Platform::start_with(options).await.unwrap()
}

async fn call(platform: &Platform, method: Method, path: &str, body: Value) -> Answer {
    platform.api.call(method, path, Some(body)).await.unwrap()
}

async fn get(platform: &Platform, path: &str) -> Answer {
    platform.api.call(Method::GET, path, None).await.unwrap()
}

/// A refusal has the status, and says why in `error` alone.
fn is_refused(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{answer:?}");
    assert_eq!(names(&answer.body), ["error"]);
    assert!(!answer.body["error"].as_str().unwrap().is_empty());
}

/// The names of an object's fields, in alphabetical order.
fn names(object: &Value) -> Vec<&str> {
    let mut names: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

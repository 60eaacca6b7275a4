//! Linking with a connected provider: the webhook registers itself, is never there twice, and goes with its link.

mod crashes;
mod trouble;
mod webhooks;

use e2e::{
    api::Answer,
    harness::{Options, Platform},
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const PROVIDERS: [&str; 3] = ["github", "gitlab", "forgejo"];

/// A platform that is connected to these providers, whose sweeper is off.
pub(crate) async fn connected(providers: &[&str]) -> Platform {
    let sweep = ("SWEEP_SECONDS", "0".to_owned());
    let options = Options {
        forge: true,
        deployers_run: false,
        ingress_env: vec![sweep],
        ..Options::default()
    };
    let mut platform = Platform::start_with(options).await.unwrap();
    // Pushes are accepted, and nobody deploys them.
    platform.leave_unclean();
    for provider in providers {
        platform.connect(provider).await.unwrap();
    }
    platform
}

/// An app and a repository that are not linked; the app's id and the link.
pub(crate) async fn unlinked(platform: &Platform, provider: &str, name: &str) -> (Uuid, Value) {
    let app = platform.api.create_app(name).await.unwrap().id;
    (app, repository(platform, provider, name).await)
}

/// A repository, and a link to it.
pub(crate) async fn repository(platform: &Platform, provider: &str, name: &str) -> Value {
    let repo = format!("octo/{name}");
    platform.forge.create_repo(provider, &repo).await.unwrap();
    json!({ "provider": provider, "repo_full_name": repo })
}

pub(crate) async fn put(platform: &Platform, app: Uuid, link: &Value) -> Answer {
    let path = format!("/v1/apps/{app}/git/source");
    platform.api.call(Method::PUT, &path, Some(link.clone())).await.unwrap()
}

pub(crate) async fn get(platform: &Platform, app: Uuid) -> Answer {
    let path = format!("/v1/apps/{app}/git/source");
    platform.api.call(Method::GET, &path, None).await.unwrap()
}

pub(crate) async fn unlink(platform: &Platform, app: Uuid) -> Answer {
    let path = format!("/v1/apps/{app}/git/source");
    platform.api.call(Method::DELETE, &path, None).await.unwrap()
}

pub(crate) async fn rotate(platform: &Platform, app: Uuid, body: Value) -> Answer {
    let path = format!("/v1/apps/{app}/git/webhook-secret");
    platform.api.call(Method::PUT, &path, Some(body)).await.unwrap()
}

/// What was done about the webhook.
pub(crate) fn action(answer: &Answer) -> &str {
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body["webhook"]["action"].as_str().unwrap()
}

/// How many webhooks a repository has.
pub(crate) async fn hooks(platform: &Platform, link: &Value) -> usize {
    let (provider, repo) = (link["provider"].as_str(), link["repo_full_name"].as_str());
    platform.forge.hooks(provider.unwrap(), repo.unwrap()).await.unwrap().len()
}

/// A push to a repository arrives: its only delivery is answered with 202 and a deploy.
pub(crate) async fn push_arrives(platform: &Platform, link: &Value) {
    let (provider, repo) = (link["provider"].as_str(), link["repo_full_name"].as_str());
    let pushed = platform.forge.push(provider.unwrap(), repo.unwrap()).await.unwrap();
    assert!(pushed.deploy_id().is_some(), "{:?}", pushed.attempts);
}

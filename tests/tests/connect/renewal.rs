//! Tokens end: they are renewed before, once, whoever needs them; and when the provider takes them away, people see it.

use e2e::{
    api::Api,
    harness::{Options, Platform},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{is_refused, platform, standing};

/// Refresh tokens that were spent.
async fn refreshes(platform: &Platform) -> usize {
    let journal = platform.forge.journal().await.unwrap();
    let is_refresh = |body: &Value| body["grant_type"] == "refresh_token";
    journal.iter().filter(|entry| is_refresh(&entry.body)).count()
}

/// An unlinked app and a repository for it.
async fn unlinked(platform: &Platform, provider: &str, name: &str) -> (String, Value) {
    let app = platform.api.create_app(name).await.unwrap().id;
    let repo = format!("octo/{name}");
    platform.forge.create_repo(provider, &repo).await.unwrap();
    let link = json!({ "provider": provider, "repo_full_name": repo });
    (format!("/v1/apps/{app}/git/source"), link)
}

/// Has the token that is kept end at once, as far as we know.
async fn ends(platform: &Platform) {
    let database = platform.database().await.unwrap();
    let end = "update tenant_git_credentials set expires_at = now() - interval '1 minute'";
    database.execute(end, &[]).await.unwrap();
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let platform = platform().await;
    for provider in ["gitlab", "forgejo"] {
        platform.forge.switch(provider, json!({ "token_seconds": 60 })).await.unwrap();
        platform.connect(provider).await.unwrap();
        platform.forge.switch(provider, json!({ "token_seconds": null })).await.unwrap();
        let before = refreshes(&platform).await;
        for name in ["one", "two"] {
            let name = format!("{provider}-{name}");
            platform.connected_app(&name, provider, json!({})).await.unwrap();
        }
        assert_eq!(refreshes(&platform).await - before, 1);
    }
}

#[tokio::test]
async fn two_replicas_spend_a_refresh_token_once() {
    let options = Options { forge: true, ingress: 2, deployers_run: false, ..Options::default() };
    let platform = Platform::start_with(options).await.unwrap();
    platform.connect("gitlab").await.unwrap();
    let mut links = Vec::new();
    for number in 0..6 {
        links.push(unlinked(&platform, "gitlab", &format!("app-{number}")).await);
    }
    ends(&platform).await;
    platform.forge.switch("gitlab", json!({ "slow_ms": 200 })).await.unwrap();
    let puts = links.into_iter().enumerate().map(|(number, (path, link))| {
        let url = format!("http://{}", platform.ingress[number % 2].address());
        let api = Api::new(&url, &platform.wiring().keys.api_token).unwrap();
        async move { api.call(Method::PUT, &path, Some(link)).await.unwrap() }
    });
    for answer in futures_util::future::join_all(puts).await {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["webhook"]["action"], "registered", "{answer:?}");
    }
    assert_eq!(refreshes(&platform).await, 1);
}

#[tokio::test]
async fn a_token_that_ended_early_is_renewed_within_the_request() {
    let platform = platform().await;
    platform.connect("gitlab").await.unwrap();
    platform.forge.expire_tokens("gitlab").await.unwrap();
    platform.connected_app("hello", "gitlab", json!({})).await.unwrap();
    assert_eq!(refreshes(&platform).await, 1);
    assert_eq!(standing(&platform.api, "gitlab").await["connected"], json!(true));
}

#[tokio::test]
async fn what_the_provider_takes_away_is_seen_and_connected_again() {
    let platform = platform().await;
    for provider in ["github", "gitlab", "forgejo"] {
        platform.connect(provider).await.unwrap();
        let (path, link) = unlinked(&platform, provider, &format!("by-{provider}")).await;
        platform.forge.revoke(provider).await.unwrap();
        let put = platform.api.call(Method::PUT, &path, Some(link.clone())).await.unwrap();
        is_refused(&put, 409, "connect");
        let row = standing(&platform.api, provider).await;
        assert_eq!(row["connected"], json!(false));
        assert!(!row["problem"].as_str().unwrap().is_empty());
        // From now on without asking the provider.
        let asked = platform.forge.journal().await.unwrap().len();
        let put = platform.api.call(Method::PUT, &path, Some(link.clone())).await.unwrap();
        is_refused(&put, 409, "connect");
        assert_eq!(platform.forge.journal().await.unwrap().len(), asked);

        platform.connect(provider).await.unwrap();
        let put = platform.api.call(Method::PUT, &path, Some(link)).await.unwrap();
        assert_eq!(put.body["webhook"]["action"], "registered", "{put:?}");
        assert_eq!(standing(&platform.api, provider).await["problem"], Value::Null);
    }
}

#[tokio::test]
async fn a_provider_that_is_down_costs_no_connection() {
    let platform = platform().await;
    platform.connect("gitlab").await.unwrap();
    let (path, link) = unlinked(&platform, "gitlab", "hello").await;
    ends(&platform).await;
    platform.forge.switch("gitlab", json!({ "down": true })).await.unwrap();
    let put = platform.api.call(Method::PUT, &path, Some(link.clone())).await.unwrap();
    assert_eq!((put.status, &put.body["webhook"]["action"]), (200, &json!("pending")), "{put:?}");
    assert_eq!(standing(&platform.api, "gitlab").await["connected"], json!(true));
    platform.forge.switch("gitlab", json!({ "down": false })).await.unwrap();
    let put = platform.api.call(Method::PUT, &path, Some(link)).await.unwrap();
    assert_eq!(put.body["webhook"]["action"], "registered", "{put:?}");
}

//! What goes wrong on demand, and what is told of it.

use std::time::{Duration, Instant};

use forge_standin::Options;
use reqwest::Method;
use serde_json::{Value, json};

use crate::World;

const REPO: &str = "/github/api/repos/octo/hello";

#[actix_web::test]
async fn a_provider_can_be_down_slow_or_asked_too_often() {
    let world = World::new();
    let token = world.repository("github").await;
    let ask = || world.send(Method::GET, REPO, &token, Value::Null);
    world.switch(json!({ "github": { "down": true } })).await;
    assert_eq!(ask().await.status(), 503);
    world.switch(json!({ "github": { "down": false, "slow_ms": 200 } })).await;
    let began = Instant::now();
    assert_eq!(ask().await.status(), 200);
    assert!(began.elapsed() >= Duration::from_millis(200));
    world.switch(json!({ "github": { "slow_ms": 0, "rate_limited_seconds": 60 } })).await;
    let limited = ask().await;
    assert_eq!(
        (limited.status().as_u16(), &limited.headers()["x-ratelimit-remaining"]),
        (403, &"0".parse().unwrap())
    );
    world.switch(json!({ "github": { "secondary_limit": true } })).await;
    let limited = ask().await;
    assert_eq!(limited.status(), 429);
    assert!(limited.headers().contains_key("retry-after"));
    world.switch(json!({ "github": { "rate_limited_seconds": 0 } })).await;
    assert_eq!(ask().await.status(), 200);
}

#[actix_web::test]
async fn the_next_requests_can_fail_before_or_after_they_took_effect() {
    const HOOKS: &str = "/github/api/repos/octo/hello/hooks";
    let world = World::new();
    let token = world.repository("github").await;
    let hook = json!({ "config": { "url": "http://127.0.0.1:1/", "content_type": "json" } });
    let create = || world.http.post(world.url(HOOKS)).bearer_auth(&token).json(&hook).send();
    for (status, after_effect, hooks) in [(502, false, 0), (0, true, 1)] {
        let failure = json!({ "status": status, "method": "POST", "path": "/hooks", "after_effect": after_effect });
        world.switch(json!({ "github": { "fail_next": [failure] } })).await;
        assert_eq!(
            world.ask(Method::GET, REPO, &token, Value::Null).await.0,
            200,
            "another request"
        );
        let lost = match create().await {
            Ok(answer) => answer.status() == 502 || answer.bytes().await.is_err(),
            Err(_) => true,
        };
        assert!(lost, "{status}");
        assert_eq!(world.hooks().await.as_array().unwrap().len(), hooks);
    }
}

#[actix_web::test]
async fn revoked_and_expired_tokens_are_refused() {
    let world = World::new();
    let token = world.repository("gitlab").await;
    let ask = || world.ask(Method::GET, "/gitlab/api/v4/user", &token, Value::Null);
    assert_eq!(ask().await.0, 200);
    world.forge(Method::POST, "revoke", json!({ "provider": "gitlab" })).await;
    let (status, answer) = ask().await;
    assert_eq!((status, answer["error"].as_str()), (401, Some("invalid_token")));
}

#[actix_web::test]
async fn the_journal_tells_every_request_and_no_credential() {
    let world = World::new();
    let token = world.repository("github").await;
    world.ask(Method::GET, REPO, &token, Value::Null).await;
    let journal = world.forge(Method::GET, "journal", Value::Null).await;
    let entry = journal.as_array().unwrap().last().unwrap();
    assert_eq!(
        (&entry["method"], &entry["path"]),
        (&json!("GET"), &json!("/api/repos/octo/hello"))
    );
    assert_eq!(entry["notes"][1], "no X-GitHub-Api-Version");
    assert!(entry["headers"]["authorization"].as_str().unwrap().starts_with("Bearer sha256:"));
    assert!(!journal.to_string().contains(&token));
}

#[actix_web::test]
async fn a_renamed_repository_is_found_by_its_number() {
    let world = World::new();
    let token = world.repository("github").await;
    let rename = json!({ "provider": "github", "repo": "octo/hello", "rename": "octo/hi" });
    world.forge(Method::PATCH, "repos", rename).await;
    let moved = world.send(Method::GET, REPO, &token, Value::Null).await;
    assert_eq!(moved.status(), 301);
    let location = moved.headers()["location"].to_str().unwrap().replace(&world.forge.url(), "");
    let (_, repo) = world.ask(Method::GET, &location, &token, Value::Null).await;
    assert_eq!(repo["full_name"], "octo/hi");
}

#[actix_web::test]
async fn a_restart_takes_everything_up() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { state: Some(folder.path().join("state.json")), ..Options::default() };
    let world = World::with(options.clone());
    let token = world.repository("github").await;
    world.forge.stop().unwrap();
    let again = World::with(options);
    let (status, repo) = again.ask(Method::GET, REPO, &token, Value::Null).await;
    assert_eq!((status, repo["full_name"].as_str()), (200, Some("octo/hello")));
}

#[actix_web::test]
async fn a_github_app_gets_a_token_for_a_token_of_the_right_shape() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    let world = World::new();
    world.repository("github").await;
    let now = jiff::Timestamp::now().as_second();
    let path =
        format!("/github/api/app/installations/{}/access_tokens", forge_standin::INSTALLATION);
    for (end, expected) in [(now + 540, 201), (now + 3600, 401), (now - 1, 401)] {
        let header = BASE64.encode(json!({ "alg": "RS256", "typ": "JWT" }).to_string());
        let claims = json!({ "iat": now - 60, "exp": end, "iss": "1234" }).to_string();
        let jwt = format!("{header}.{}.{}", BASE64.encode(claims), BASE64.encode([0; 256]));
        let (status, answer) = world.ask(Method::POST, &path, &jwt, Value::Null).await;
        assert_eq!(status, expected, "{answer}");
        if let Some(token) = answer["token"].as_str() {
            assert_eq!(world.ask(Method::GET, REPO, token, Value::Null).await.0, 200);
        }
    }
}

//! Webhooks: made, changed, counted.

use reqwest::Method;
use serde_json::{Value, json};

use crate::World;

fn github_hook(url: &str) -> Value {
    json!({
        "name": "web", "active": true, "events": ["push"],
        "config": { "url": url, "content_type": "json", "secret": "first", "insecure_ssl": "0" },
    })
}

#[actix_web::test]
async fn github_takes_twenty_hooks_and_none_twice() {
    const PATH: &str = "/github/api/repos/octo/hello/hooks";
    let world = World::new();
    let token = world.repository("github").await;
    for number in 0..20 {
        let hook = github_hook(&format!("http://127.0.0.1:1/{number}"));
        assert_eq!(world.ask(Method::POST, PATH, &token, hook).await.0, 201);
    }
    let again = world.ask(Method::POST, PATH, &token, github_hook("http://127.0.0.1:1/0")).await;
    assert_eq!(again.0, 422);
    assert_eq!(again.1["errors"][0]["message"], "Hook already exists on this repository");
    let more = world.ask(Method::POST, PATH, &token, github_hook("http://127.0.0.1:1/20")).await;
    assert_eq!(more.0, 422);
    let words = "The \"push\" event cannot have more than 20 hooks";
    assert_eq!(more.1["errors"][0]["message"], words);

    let first = world.send(Method::GET, &format!("{PATH}?per_page=15"), &token, Value::Null).await;
    let link = first.headers()["link"].to_str().unwrap().to_owned();
    assert_eq!(first.json::<Vec<Value>>().await.unwrap().len(), 15);
    let next = link.split(['<', '>']).nth(1).unwrap().replace(&world.forge.url(), "");
    let (_, second) = world.ask(Method::GET, &next, &token, Value::Null).await;
    assert_eq!(second.as_array().unwrap().len(), 5);
}

#[actix_web::test]
async fn a_github_config_that_names_no_secret_takes_it_away() {
    let world = World::new();
    let token = world.repository("github").await;
    let path = "/github/api/repos/octo/hello/hooks";
    let made = world.ask(Method::POST, path, &token, github_hook("http://127.0.0.1:1/")).await.1;
    let path = format!("{path}/{}", made["id"]);
    assert_eq!(made["config"]["secret"], "********");
    let part = json!({ "secret": "second" });
    world.ask(Method::PATCH, &format!("{path}/config"), &token, part).await;
    assert_eq!(world.hooks().await[0]["secret"], "second");
    let whole = json!({ "config": { "url": "http://127.0.0.1:1/", "content_type": "json" } });
    world.ask(Method::PATCH, &path, &token, whole).await;
    assert_eq!(world.hooks().await[0]["secret"], Value::Null);
}

#[actix_web::test]
async fn gitlab_ignores_a_signing_token_where_it_has_none() {
    let world = World::new();
    let token = world.repository("gitlab").await;
    let path = "/gitlab/api/v4/projects/octo%2Fhello/hooks";
    let hook = json!({
        "url": "http://127.0.0.1:1/", "token": "secret", "push_events": true,
        "signing_token": "whsec_dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=",
    });
    for (has_it, expected) in [(false, false), (true, true)] {
        world.switch(json!({ "gitlab": { "signing_tokens": has_it } })).await;
        let (status, made) = world.ask(Method::POST, path, &token, hook.clone()).await;
        assert_eq!((status, &made["signing_token_present"]), (201, &json!(expected)));
        assert_eq!((&made["token_present"], &made["signing_token"]), (&json!(true), &Value::Null));
    }
}

#[actix_web::test]
async fn forgejo_keeps_a_hooks_secret_for_ever() {
    let world = World::new();
    let token = world.repository("forgejo").await;
    let path = "/forgejo/api/v1/repos/octo/hello/hooks";
    let config = |secret: &str| json!({ "url": "http://127.0.0.1:1/", "content_type": "json", "secret": secret });
    let hook =
        json!({ "type": "forgejo", "active": true, "events": ["push"], "config": config("first") });
    let (status, made) = world.ask(Method::POST, path, &token, hook).await;
    assert_eq!(status, 201);
    let change = json!({ "config": config("second"), "active": true });
    let path = format!("{path}/{}", made["id"]);
    assert_eq!(world.ask(Method::PATCH, &path, &token, change).await.0, 200);
    assert_eq!(world.hooks().await[0]["secret"], "first");
    assert_eq!(world.ask(Method::DELETE, &path, &token, Value::Null).await.0, 204);
    assert_eq!(world.ask(Method::GET, &path, &token, Value::Null).await.0, 404);
}

#[actix_web::test]
async fn who_may_not_manage_hooks_is_told_so_as_each_provider_does() {
    let world = World::new();
    for (provider, path, expected) in [
        ("github", "/github/api/repos/octo/hello/hooks", 404),
        ("gitlab", "/gitlab/api/v4/projects/octo%2Fhello/hooks", 403),
        ("forgejo", "/forgejo/api/v1/repos/octo/hello/hooks", 403),
    ] {
        let token = world.repository(provider).await;
        let may = json!({ "admin": false, "push": true, "pull": true });
        let change = json!({ "provider": provider, "repo": "octo/hello", "permissions": may });
        world.forge(Method::PATCH, "repos", change).await;
        assert_eq!(world.ask(Method::GET, path, &token, Value::Null).await.0, expected);
    }
}

//! OAuth: a state works once, within five minutes, for the tenant that it was made for.

use e2e::{
    api::Api,
    harness::{Options, Platform},
};
use reqwest::Method;
use serde_json::{Value, json};

use super::{begin, is_refused, platform, standing, tenant};

const INVALID: &str = "invalid or expired state";

async fn get(url: &str) -> e2e::api::Answer {
    e2e::api::get(&e2e::api::http_client().unwrap(), url).await.unwrap()
}

#[tokio::test]
async fn each_provider_is_connected_in_the_browser() {
    let platform = platform().await;
    for provider in ["github", "gitlab", "forgejo"] {
        let before = standing(&platform.api, provider).await;
        assert_eq!((&before["configured"], &before["oauth"]), (&json!(true), &json!(true)));
        assert_eq!(before["connected"], json!(false));
        let url = begin(&platform.api, provider).await;
        let answer = platform.forge.follow_oauth(&url).await.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["status"], "connected");
        assert_eq!(answer.body["provider"], provider);
        let after = standing(&platform.api, provider).await;
        assert_eq!((&after["connected"], &after["kind"]), (&json!(true), &json!("oauth")));
        assert_eq!(after["account"], answer.body["account"]);
        assert_eq!(after["connected_by"], "operator");
    }
    let audit = platform.api.call(Method::GET, "/v1/audit", None).await.unwrap();
    let entries = audit.body["entries"].as_array().unwrap();
    let noted = |entry: &&Value| entry["action"] == "GET /v1/auth/{provider}/callback";
    assert_eq!(entries.iter().filter(noted).count(), 3, "{entries:?}");
}

#[tokio::test]
async fn a_state_works_once() {
    let platform = platform().await;
    let url = begin(&platform.api, "github").await;
    let back = platform.forge.consent(&url).await.unwrap();
    assert_eq!(get(&back).await.status, 200);
    is_refused(&get(&back).await, 400, INVALID);
    is_refused(&platform.forge.follow_oauth(&url).await.unwrap(), 400, INVALID);
    assert_eq!(standing(&platform.api, "github").await["connected"], json!(true));
}

#[tokio::test]
async fn a_state_that_nobody_made_or_that_is_too_old_connects_nothing() {
    let platform = platform().await;
    let base = format!("{}/v1/auth/github/callback", platform.api.url());
    for query in ["", "?state=", "?code=x", "?state=made-up&code=x", "?state=a&state=b"] {
        assert_eq!(get(&format!("{base}{query}")).await.status, 400, "{query}");
    }
    let url = begin(&platform.api, "github").await;
    let database = platform.database().await.unwrap();
    let age = "update oauth_states set expires_at = now() - interval '1 second'";
    assert_eq!(database.execute(age, &[]).await.unwrap(), 1);
    is_refused(&platform.forge.follow_oauth(&url).await.unwrap(), 400, INVALID);
    assert_eq!(standing(&platform.api, "github").await["connected"], json!(false));
}

#[tokio::test]
async fn a_state_of_another_provider_is_refused_and_used_up() {
    let platform = platform().await;
    let url = begin(&platform.api, "github").await;
    let back = platform.forge.consent(&url).await.unwrap();
    let elsewhere = back.replace("/v1/auth/github/", "/v1/auth/gitlab/");
    is_refused(&get(&elsewhere).await, 400, INVALID);
    is_refused(&get(&back).await, 400, INVALID);
    let nobody = back.replace("/v1/auth/github/", "/v1/auth/nobody/");
    assert_eq!(get(&nobody).await.status, 404);
}

#[tokio::test]
async fn another_tenant_cannot_use_a_state() {
    let platform = platform().await;
    let thief = tenant(&platform, "thief").await;
    let url = begin(&platform.api, "github").await;
    let back = platform.forge.consent(&url).await.unwrap();
    let path = back.strip_prefix(platform.api.url()).unwrap();
    is_refused(&thief.call(Method::GET, path, None).await.unwrap(), 400, INVALID);
    for api in [&thief, &platform.api] {
        assert_eq!(standing(api, "github").await["connected"], json!(false));
    }
    // Without a token it connects whom it was made for, and nobody else.
    let url = begin(&platform.api, "github").await;
    assert_eq!(platform.forge.follow_oauth(&url).await.unwrap().status, 200);
    assert_eq!(standing(&platform.api, "github").await["connected"], json!(true));
    assert_eq!(standing(&thief, "github").await["connected"], json!(false));
}

#[tokio::test]
async fn who_does_not_consent_is_not_connected() {
    let platform = platform().await;
    platform.forge.switch("github", json!({ "deny_consent": true })).await.unwrap();
    let url = begin(&platform.api, "github").await;
    let answer = platform.forge.follow_oauth(&url).await.unwrap();
    is_refused(&answer, 400, "access_denied");
    assert_eq!(standing(&platform.api, "github").await["connected"], json!(false));
}

#[tokio::test]
async fn a_code_that_is_not_exchanged_says_why_and_can_be_tried_again() {
    let platform = platform().await;
    for provider in ["github", "gitlab", "forgejo"] {
        let forge = &platform.forge;
        forge.switch(provider, json!({ "refuse_codes": true })).await.unwrap();
        let url = begin(&platform.api, provider).await;
        is_refused(&forge.follow_oauth(&url).await.unwrap(), 400, "did not grant access");
        forge.switch(provider, json!({ "refuse_codes": false })).await.unwrap();

        let url = begin(&platform.api, provider).await;
        let back = forge.consent(&url).await.unwrap();
        forge.expire_codes().await.unwrap();
        is_refused(&get(&back).await, 400, "did not grant access");

        let url = begin(&platform.api, provider).await;
        let back = forge.consent(&url).await.unwrap();
        forge.switch(provider, json!({ "down": true })).await.unwrap();
        is_refused(&get(&back).await, 502, "does not answer");
        forge.switch(provider, json!({ "down": false })).await.unwrap();
        // Its state is used.
        is_refused(&get(&back).await, 400, INVALID);

        forge.connect(&platform.api, provider).await.unwrap();
        assert_eq!(standing(&platform.api, provider).await["connected"], json!(true));
    }
}

#[tokio::test]
async fn a_browser_sees_a_page_that_keeps_and_loads_nothing() {
    let platform = platform().await;
    let url = begin(&platform.api, "github").await;
    let back = platform.forge.consent(&url).await.unwrap();
    let http = e2e::api::http_client().unwrap();
    for (status, word) in [(200, "is connected"), (400, "invalid or expired state")] {
        let answer = http.get(&back).header("accept", "text/html,*/*").send().await.unwrap();
        assert_eq!(answer.status(), status);
        let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with("text/html"));
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert!(header("content-security-policy").contains("default-src 'none'"));
        assert_eq!(header("referrer-policy"), "no-referrer");
        let page = answer.text().await.unwrap();
        assert!(page.contains(word) && !page.contains("<script"), "{page}");
    }
    let log = platform.ingress[0].log();
    let query = back.split_once('?').unwrap().1;
    for part in query.split('&').filter_map(|pair| Some(pair.split_once('=')?.1)) {
        assert!(!log.contains(part), "the log has {part}");
    }
}

#[tokio::test]
async fn what_the_administrator_did_not_configure_says_so() {
    let options = Options { deployers_run: false, ..Options::default() };
    let platform = Platform::start_with(options).await.unwrap();
    let not_configured = "OAuth provider not configured by admin";
    for provider in ["github", "gitlab", "forgejo"] {
        let path = format!("/v1/auth/{provider}/connect");
        let answer = platform.api.call(Method::GET, &path, None).await.unwrap();
        assert_eq!((answer.status, &answer.body), (503, &json!({ "error": not_configured })));
    }
    let path = "/v1/auth/bitbucket/connect";
    let answer = platform.api.call(Method::GET, path, None).await.unwrap();
    assert_eq!(answer.status, 404);
    let github = standing(&platform.api, "github").await;
    assert_eq!((&github["configured"], &github["oauth"]), (&json!(true), &json!(false)));
    assert_eq!(standing(&platform.api, "forgejo").await["configured"], json!(false));
    let nobody = Api::new(platform.api.url(), "nothing").unwrap();
    let answer = nobody.call(Method::GET, "/v1/auth/github/connect", None).await.unwrap();
    assert_eq!(answer.status, 401);
}

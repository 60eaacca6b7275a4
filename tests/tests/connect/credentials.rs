//! Connecting without a browser, and disconnecting.

use e2e::forge::INSTALLATION;
use reqwest::Method;
use serde_json::json;

use super::{is_refused, platform, standing, tenant};

const PATH: &str = "/v1/auth/github/credential";

#[tokio::test]
async fn a_personal_token_connects_if_the_provider_takes_it() {
    let platform = platform().await;
    for provider in ["github", "gitlab", "forgejo"] {
        let path = format!("/v1/auth/{provider}/credential");
        let wrong = json!({ "token": "a-token-that-nobody-gave" });
        let answer = platform.api.call(Method::PUT, &path, Some(wrong)).await.unwrap();
        is_refused(&answer, 422, "does not accept");
        assert!(!answer.body.to_string().contains("nobody-gave"));
        assert_eq!(standing(&platform.api, provider).await["connected"], json!(false));

        let token = platform.forge.personal_token(provider).await.unwrap();
        let right = json!({ "token": token });
        let answer = platform.api.call(Method::PUT, &path, Some(right)).await.unwrap();
        assert_eq!((answer.status, &answer.body["kind"]), (200, &json!("token")), "{answer:?}");
        assert_eq!(answer.body, standing(&platform.api, provider).await);
        let database = platform.database().await.unwrap();
        let text = "select t::text from tenant_git_credentials t where provider = $1";
        let row: String = database.query_one(text, &[&provider]).await.unwrap().get(0);
        assert!(!row.contains(&token) && !row.contains(&hex::encode(&token)));
        assert!(!platform.ingress[0].log().contains(&token));
    }
}

#[tokio::test]
async fn a_credential_is_one_of_two_things() {
    let platform = platform().await;
    let wrong = [
        json!({}),
        json!({ "token": "" }),
        json!({ "token": "with a space" }),
        json!({ "token": "long-enough", "installation_id": 1 }),
        json!({ "installation_id": 0.5 }),
        json!({ "installation_id": 99_999_999 }),
        json!({ "tokn": "long-enough" }),
    ];
    for body in wrong {
        let answer = platform.api.call(Method::PUT, PATH, Some(body.clone())).await.unwrap();
        assert_eq!(answer.status, 422, "{body}: {answer:?}");
    }
    let path = "/v1/auth/gitlab/credential";
    let body = json!({ "installation_id": INSTALLATION });
    let answer = platform.api.call(Method::PUT, path, Some(body)).await.unwrap();
    is_refused(&answer, 422, "GitHub's");
}

#[tokio::test]
async fn an_installation_connects_one_tenant() {
    let platform = platform().await;
    let other = tenant(&platform, "other").await;
    let body = json!({ "installation_id": INSTALLATION });
    let answer = platform.api.call(Method::PUT, PATH, Some(body.clone())).await.unwrap();
    assert_eq!((answer.status, &answer.body["kind"]), (200, &json!("github_app")), "{answer:?}");
    let taken = other.call(Method::PUT, PATH, Some(body)).await.unwrap();
    is_refused(&taken, 409, "another tenant");
    assert_eq!(standing(&other, "github").await["connected"], json!(false));
    // It is good for something, also when its token has ended.
    platform.connected_app("hello", "github", json!({})).await.unwrap();
    platform.forge.expire_tokens("github").await.unwrap();
    platform.connected_app("again", "github", json!({})).await.unwrap();
}

#[tokio::test]
async fn disconnecting_revokes_and_forgets() {
    let platform = platform().await;
    for (provider, act) in [("github", "DELETE"), ("gitlab", "POST")] {
        platform.connect(provider).await.unwrap();
        let path = format!("/v1/auth/{provider}");
        let answer = platform.api.call(Method::DELETE, &path, None).await.unwrap();
        assert_eq!(answer.status, 204);
        assert_eq!(standing(&platform.api, provider).await["connected"], json!(false));
        let last = platform.forge.journal().await.unwrap().pop().unwrap();
        assert_eq!((last.method.as_str(), last.provider.name()), (act, provider));
        // Again: there is nothing left to do.
        let answer = platform.api.call(Method::DELETE, &path, None).await.unwrap();
        assert_eq!(answer.status, 204);

        platform.connect(provider).await.unwrap();
        platform.forge.switch(provider, json!({ "down": true })).await.unwrap();
        let answer = platform.api.call(Method::DELETE, &path, None).await.unwrap();
        assert_eq!(answer.status, 204);
        assert_eq!(standing(&platform.api, provider).await["connected"], json!(false));
        assert!(platform.ingress[0].log().contains("a credential was not revoked"));
    }
    let database = platform.database().await.unwrap();
    let count = "select count(*) from tenant_git_credentials";
    assert_eq!(database.query_one(count, &[]).await.unwrap().get::<_, i64>(0), 0);
}

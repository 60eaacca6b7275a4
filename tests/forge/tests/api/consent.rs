//! OAuth: consent, codes, tokens, refresh.

use reqwest::Method;
use serde_json::{Value, json};

use crate::World;

const BACK: &str = "http://127.0.0.1:1/back";
/// Verifier and challenge of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// Where each provider asks for consent, and where it exchanges codes.
const PATHS: [(&str, &str, &str); 3] = [
    ("github", "/github/login/oauth/authorize", "/github/login/oauth/access_token"),
    ("gitlab", "/gitlab/oauth/authorize", "/gitlab/oauth/token"),
    ("forgejo", "/forgejo/login/oauth/authorize", "/forgejo/login/oauth/access_token"),
];

impl World {
    /// What the browser brings back.
    async fn consent(&self, provider: &str, challenge: &str) -> String {
        let (_, path, _) = PATHS.into_iter().find(|(name, ..)| *name == provider).unwrap();
        let query = [
            ("client_id", format!("{provider}-client")),
            ("redirect_uri", BACK.to_owned()),
            ("response_type", "code".to_owned()),
            ("scope", "api repo".to_owned()),
            ("state", "opaque".to_owned()),
            ("code_challenge", challenge.to_owned()),
            ("code_challenge_method", "S256".to_owned()),
        ];
        let answer = self.http.get(self.url(path)).query(&query).send().await.unwrap();
        assert_eq!(answer.status(), 302);
        let back = answer.headers()["location"].to_str().unwrap().to_owned();
        assert!(back.starts_with(BACK) && back.contains("state=opaque"), "{back}");
        back
    }

    async fn exchange(&self, provider: &str, fields: &[(&str, &str)]) -> (u16, Value) {
        let (_, _, path) = PATHS.into_iter().find(|(name, ..)| *name == provider).unwrap();
        let (id, secret) = (format!("{provider}-client"), format!("{provider}-client-secret"));
        let mut form = vec![("client_id", id.as_str()), ("client_secret", &secret)];
        form.extend(fields);
        let request = self.http.post(self.url(path)).header("accept", "application/json");
        let answer = request.form(&form).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

fn code(back: &str) -> &str {
    let (_, rest) = back.split_once("code=").unwrap();
    rest.split('&').next().unwrap()
}

fn with_code(code: &str) -> [(&str, &str); 4] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", BACK),
        ("code_verifier", VERIFIER),
    ]
}

#[actix_web::test]
async fn a_code_is_exchanged_once_and_its_token_is_good() {
    let world = World::new();
    for (provider, _, _) in PATHS {
        let back = world.consent(provider, CHALLENGE).await;
        let fields = with_code(code(&back));
        let (status, granted) = world.exchange(provider, &fields).await;
        assert_eq!(status, 200, "{provider}: {granted}");
        let api = match provider {
            "github" => "/github/api/user",
            "gitlab" => "/gitlab/api/v4/user",
            _ => "/forgejo/api/v1/user",
        };
        let token = granted["access_token"].as_str().unwrap();
        // The scopes that were asked for are not Forgejo's.
        let expected = if provider == "forgejo" { 403 } else { 200 };
        assert_eq!(world.ask(Method::GET, api, token, Value::Null).await.0, expected, "{provider}");
        let (status, refused) = world.exchange(provider, &fields).await;
        let expected = match provider {
            "github" => (200, "bad_verification_code"),
            "gitlab" => (400, "invalid_grant"),
            _ => (400, "unauthorized_client"),
        };
        assert_eq!((status, refused["error"].as_str().unwrap()), expected);
    }
}

#[actix_web::test]
async fn another_verifier_or_redirect_uri_is_refused() {
    let world = World::new();
    for (provider, _, _) in PATHS {
        for (field, wrong) in [("code_verifier", "guessed"), ("redirect_uri", "http://elsewhere")] {
            let back = world.consent(provider, CHALLENGE).await;
            let fields = with_code(code(&back))
                .map(|(name, value)| (name, if name == field { wrong } else { value }));
            let (_, answer) = world.exchange(provider, &fields).await;
            assert!(answer["error"].is_string(), "{provider} {field}: {answer}");
        }
    }
}

#[actix_web::test]
async fn who_does_not_consent_is_sent_back_without_a_code() {
    let world = World::new();
    world.switch(json!({ "gitlab": { "deny_consent": true } })).await;
    let back = world.consent("gitlab", CHALLENGE).await;
    assert!(back.contains("error=access_denied") && !back.contains("code="), "{back}");
}

#[actix_web::test]
async fn a_refresh_token_works_once_and_takes_the_access_token_with_it() {
    let world = World::new();
    let back = world.consent("gitlab", CHALLENGE).await;
    let (_, first) = world.exchange("gitlab", &with_code(code(&back))).await;
    assert_eq!(first["expires_in"], 7200);
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", first["refresh_token"].as_str().unwrap()),
        ("redirect_uri", BACK),
    ];
    let (status, second) = world.exchange("gitlab", &refresh).await;
    assert_eq!(status, 200, "{second}");
    assert_eq!(world.exchange("gitlab", &refresh).await.0, 400);
    for (token, expected) in [(&first, 401), (&second, 200)] {
        let token = token["access_token"].as_str().unwrap();
        let (status, _) = world.ask(Method::GET, "/gitlab/api/v4/user", token, Value::Null).await;
        assert_eq!(status, expected);
    }
}

#[actix_web::test]
async fn github_answers_a_form_unless_json_is_asked_for() {
    let world = World::new();
    let url = world.url("/github/login/oauth/access_token");
    let answer = world.http.post(url).form(&[("client_id", "wrong")]).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.text().await.unwrap().starts_with("error=incorrect_client_credentials"));
}

//! OAuth: consent, tokens, refusals.

use git_providers::{Client, Error, InvalidSettings, Kind, Verifier};
use secrecy::ExposeSecret as _;

use crate::{
    CLIENT_SECRET, client,
    server::{Server, answer},
    settings,
};

async fn exchanged(kind: Kind, status: u16, body: &str) -> Result<git_providers::Grant, Error> {
    let server = Server::answering([answer(status, body)]).await;
    let verifier = Verifier::of("v".into());
    client(kind, &server)
        .exchange_code(&"code-canary".into(), "https://p.example/cb", &verifier)
        .await
}

#[tokio::test]
async fn the_browser_is_sent_to_consent_with_state_and_challenge() {
    let server = Server::answering([answer(200, "")]).await;
    let rows = [
        (Kind::Github, "/web/login/oauth/authorize", "repo"),
        (Kind::Gitlab, "/web/oauth/authorize", "api"),
        (Kind::Forgejo, "/web/login/oauth/authorize", "write:repository read:user"),
    ];
    for (kind, path, scope) in rows {
        let challenge = Verifier::of("verifier".into()).challenge();
        let url = client(kind, &server)
            .authorize_url("https://p.example/cb?x=1", "the state", &challenge)
            .expect("a URL");
        assert_eq!(url.path(), path);
        let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
        let wanted = [
            ("client_id", "us"),
            ("redirect_uri", "https://p.example/cb?x=1"),
            ("response_type", "code"),
            ("scope", scope),
            ("state", "the state"),
            ("code_challenge", challenge.as_str()),
            ("code_challenge_method", "S256"),
        ];
        assert_eq!(
            pairs,
            wanted.map(|(name, value)| (name.to_owned(), value.to_owned())),
            "{kind:?}"
        );
        assert!(!url.as_str().contains(CLIENT_SECRET));
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn a_grant_says_when_it_ends_and_what_it_is_good_for() {
    let body = r#"{"access_token":"a","refresh_token":"r","expires_in":7200,"scope":"repo,gist","token_type":"bearer"}"#;
    let grant = exchanged(Kind::Github, 200, body).await.expect("a grant");
    assert_eq!(grant.access_token.expose_secret(), "a");
    assert_eq!(grant.refresh_token.expect("one").expose_secret(), "r");
    assert_eq!(grant.scopes, "repo gist");
    let left = grant.expires_at.expect("an end").as_second() - jiff::Timestamp::now().as_second();
    assert!((7190..=7200).contains(&left), "{left}");

    let grant =
        exchanged(Kind::Github, 200, r#"{"access_token":"a","scope":""}"#).await.expect("a grant");
    assert!(grant.expires_at.is_none() && grant.refresh_token.is_none());
}

#[tokio::test]
async fn a_refusal_is_one_whatever_its_status() {
    let rows = [
        (Kind::Github, 200, "bad_verification_code"),
        (Kind::Github, 200, "incorrect_client_credentials"),
        (Kind::Gitlab, 400, "invalid_grant"),
        (Kind::Gitlab, 401, "invalid_client"),
        (Kind::Forgejo, 400, "unauthorized_client"),
    ];
    for (kind, status, code) in rows {
        let body = format!(r#"{{"error":"{code}","error_description":"code-canary is not good"}}"#);
        let error = exchanged(kind, status, &body).await.expect_err("refused");
        assert!(matches!(&error, Error::Refused { code: said, .. } if said == code), "{error:?}");
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
    let error = exchanged(Kind::Gitlab, 401, "nothing").await.expect_err("refused");
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
}

#[tokio::test]
async fn trouble_at_the_token_endpoint_is_no_refusal() {
    let error = exchanged(Kind::Gitlab, 503, r#"{"error":"x"}"#).await.expect_err("trouble");
    assert!(error.is_transient(), "{error:?}");
    let error = exchanged(Kind::Gitlab, 429, "").await.expect_err("limited");
    assert!(matches!(error, Error::RateLimited { .. }), "{error:?}");
    for body in ["", "[]", "{}", r#"{"access_token":""}"#] {
        let error = exchanged(Kind::Github, 200, body).await.expect_err("no token");
        assert!(matches!(error, Error::Unexpected { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_grant_that_is_gone_counts_as_revoked() {
    for (kind, status) in [(Kind::Github, 404), (Kind::Github, 422), (Kind::Gitlab, 200)] {
        let server = Server::answering([answer(status, "{}")]).await;
        client(kind, &server).revoke(&"t".into()).await.expect("fine");
    }
    let server = Server::answering([answer(500, "")]).await;
    client(Kind::Forgejo, &server).revoke(&"t".into()).await.expect("there is no way to");
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn an_installation_s_token_says_when_it_ends() {
    let body = r#"{"token":"ghs_1","expires_at":"2026-11-24T10:00:00Z","permissions":{"statuses":"write","contents":"read"}}"#;
    let server = Server::answering([answer(201, body)]).await;
    let grant = client(Kind::Github, &server).installation_grant(99).await.expect("a grant");
    assert_eq!(grant.expires_at.expect("an end").to_string(), "2026-11-24T10:00:00Z");
    assert_eq!(grant.scopes, "contents:read statuses:write");
}

#[tokio::test]
async fn what_is_not_configured_is_not_asked_for() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let server = Server::answering([answer(200, "{}")]).await;
    let mut bare = settings(Kind::Github, &server.url());
    (bare.oauth, bare.app) = (None, None);
    let bare = Client::new(bare).expect("settings that work");
    assert!(matches!(bare.refresh(&"r".into(), "x").await, Err(Error::NotConfigured)));
    assert!(matches!(bare.installation_grant(1).await, Err(Error::NotConfigured)));
    assert!(!bare.has_oauth() && !bare.has_app());
    assert!(server.asked().is_empty());
}

#[test]
fn settings_that_cannot_work_are_refused() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let mut outside = settings(Kind::Gitlab, "http://127.0.0.1:1");
    outside.allow_loopback = false;
    assert!(matches!(Client::new(outside), Err(InvalidSettings::Url("GITLAB_URL"))));
    let mut keyless = settings(Kind::Github, "https://github.example");
    keyless.app.as_mut().expect("an App").private_key = "no key".into();
    assert!(matches!(Client::new(keyless), Err(InvalidSettings::PrivateKey)));
}

#[test]
fn no_secret_shows_itself() {
    rustls::crypto::ring::default_provider().install_default().ok();
    let client = Client::new(settings(Kind::Github, "https://github.example")).expect("settings");
    let shown = format!("{client:?} {:?}", client.session("token-canary".into()));
    assert!(!shown.contains("canary") && !shown.contains("PRIVATE"), "{shown}");
}

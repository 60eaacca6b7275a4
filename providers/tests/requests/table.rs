//! The requests themselves: exactly the documented paths, headers and bodies. Each row says where that is documented.

use base64::Engine as _;
use git_providers::{Kind, StatusState};
use serde_json::Value;

use crate::{
    CLIENT_SECRET, TOKEN,
    acts::Act,
    client,
    server::{Asked, Server},
};
use Kind::{Forgejo, Github, Gitlab};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auth {
    /// The connection's token.
    Bearer,
    /// A JWT of the GitHub App.
    Jwt,
    /// The OAuth application, by HTTP basic.
    Basic,
    /// The OAuth application, in the form.
    Form,
}
use Auth::{Basic, Bearer, Form, Jwt};

/// Provider, act, method, path, query, who asks, body (JSON, or a form's pairs), source.
type Row = (Kind, Act, &'static str, &'static str, &'static str, Auth, &'static str, &'static str);

const GITHUB_HOOK: &str = r#"{"name":"web","active":true,"events":["push"],"config":{"url":"https://paas.example/v1/webhooks/x/1",
    "content_type":"json","secret":"hook-secret-canary","insecure_ssl":"0"}}"#;
const GITHUB_HOOK_AGAIN: &str = r#"{"active":true,"events":["push"],"config":{"url":"https://paas.example/v1/webhooks/x/1",
    "content_type":"json","secret":"hook-secret-canary","insecure_ssl":"0"}}"#;
const GITLAB_HOOK: &str = r#"{"url":"https://paas.example/v1/webhooks/x/1","push_events":true,"token":"hook-secret-canary",
    "enable_ssl_verification":true,"signing_token":"whsec_canary"}"#;
const FORGEJO_HOOK: &str = r#"{"type":"gitea","active":true,"events":["push"],"config":{
    "url":"https://paas.example/v1/webhooks/x/1","content_type":"json","secret":"hook-secret-canary"}}"#;
const CODE: &str = "client_id=us&client_secret=client-secret-canary&grant_type=authorization_code&code=the-code\
    &redirect_uri=https%3A%2F%2Fpaas.example%2Fv1%2Fauth%2Fcallback&code_verifier=verifier";
const REFRESH: &str = "client_id=us&client_secret=client-secret-canary&grant_type=refresh_token&refresh_token=refresh-1\
    &redirect_uri=https%3A%2F%2Fpaas.example%2Fv1%2Fauth%2Fcallback";

macro_rules! status {
    ($state:literal, $name:literal) => {
        concat!(
            r#"{"state":""#,
            $state,
            r#"",""#,
            $name,
            r#"":"paas/shop","description":"on its way","#,
            r#""target_url":"https://paas.example/v1/deploys/1"}"#
        )
    };
}

macro_rules! github { ($($page:literal)+) => { concat!("https://docs.github.com/en/", $($page),+) } }
macro_rules! gitlab {
    ($page:literal) => {
        concat!("https://docs.gitlab.com/api/", $page)
    };
}
macro_rules! forgejo {
    ($page:literal) => {
        concat!("https://codeberg.org/api/swagger#/", $page)
    };
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (Github, Act::ExchangeCode, "POST", "/web/login/oauth/access_token", "", Form, CODE,
        github!("apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps#2-users-are-redirected-back-to-your-site-by-github")),
    (Github, Act::Refresh, "POST", "/web/login/oauth/access_token", "", Form, REFRESH,
        github!("apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens")),
    (Github, Act::Revoke, "DELETE", "/api/applications/us/token", "", Basic, r#"{"access_token":"spent"}"#,
        github!("rest/apps/oauth-applications#delete-an-app-token")),
    (Github, Act::InstallationGrant, "POST", "/api/app/installations/99/access_tokens", "", Jwt, "",
        github!("rest/apps/apps#create-an-installation-access-token-for-an-app")),
    (Github, Act::Account, "GET", "/api/user", "", Bearer, "", github!("rest/users/users#get-the-authenticated-user")),
    (Github, Act::Repository, "GET", "/api/repos/acme/shop.web", "", Bearer, "", github!("rest/repos/repos#get-a-repository")),
    (Github, Act::BranchHead, "GET", "/api/repos/acme/shop.web/branches/feature%2Fx%20y", "", Bearer, "",
        github!("rest/branches/branches#get-a-branch")),
    (Github, Act::Hooks, "GET", "/api/repos/acme/shop.web/hooks", "per_page=100", Bearer, "",
        github!("rest/repos/webhooks#list-repository-webhooks")),
    (Github, Act::Hook, "GET", "/api/repos/acme/shop.web/hooks/7", "", Bearer, "",
        github!("rest/repos/webhooks#get-a-repository-webhook")),
    (Github, Act::CreateHook, "POST", "/api/repos/acme/shop.web/hooks", "", Bearer, GITHUB_HOOK,
        github!("rest/repos/webhooks#create-a-repository-webhook")),
    (Github, Act::UpdateHook, "PATCH", "/api/repos/acme/shop.web/hooks/7", "", Bearer, GITHUB_HOOK_AGAIN,
        github!("rest/repos/webhooks#update-a-repository-webhook")),
    (Github, Act::DeleteHook, "DELETE", "/api/repos/acme/shop.web/hooks/7", "", Bearer, "",
        github!("rest/repos/webhooks#delete-a-repository-webhook")),
    (Github, Act::EnableHook, "PATCH", "/api/repos/acme/shop.web/hooks/7", "", Bearer, r#"{"active":true}"#,
        github!("rest/repos/webhooks#update-a-repository-webhook")),
    (Github, Act::Deliveries, "GET", "/api/repos/acme/shop.web/hooks/7/deliveries", "per_page=100", Bearer, "",
        github!("rest/repos/webhooks#list-deliveries-for-a-repository-webhook")),
    (Github, Act::Redeliver, "POST", "/api/repos/acme/shop.web/hooks/7/deliveries/12/attempts", "", Bearer, "",
        github!("rest/repos/webhooks#redeliver-a-delivery-for-a-repository-webhook")),
    (Github, Act::SetStatus(StatusState::Pending), "POST", "/api/repos/acme/shop.web/statuses/c0ffee", "", Bearer,
        status!("pending", "context"), github!("rest/commits/statuses#create-a-commit-status")),
    (Github, Act::SetStatus(StatusState::Success), "POST", "/api/repos/acme/shop.web/statuses/c0ffee", "", Bearer,
        status!("success", "context"), github!("rest/commits/statuses#create-a-commit-status")),
    (Github, Act::SetStatus(StatusState::Failure), "POST", "/api/repos/acme/shop.web/statuses/c0ffee", "", Bearer,
        status!("failure", "context"), github!("rest/commits/statuses#create-a-commit-status")),
    (Github, Act::SetStatus(StatusState::Cancelled), "POST", "/api/repos/acme/shop.web/statuses/c0ffee", "", Bearer,
        status!("error", "context"), github!("rest/commits/statuses#create-a-commit-status")),

    (Gitlab, Act::ExchangeCode, "POST", "/web/oauth/token", "", Form, CODE,
        gitlab!("oauth2/#authorization-code-with-proof-key-for-code-exchange-pkce")),
    (Gitlab, Act::Refresh, "POST", "/web/oauth/token", "", Form, REFRESH,
        gitlab!("oauth2/#authorization-code-with-proof-key-for-code-exchange-pkce")),
    (Gitlab, Act::Revoke, "POST", "/web/oauth/revoke", "", Form,
        "client_id=us&client_secret=client-secret-canary&token=spent", gitlab!("oauth2/#revoke-a-token")),
    (Gitlab, Act::Account, "GET", "/api/user", "", Bearer, "", gitlab!("users/#retrieve-your-user-account")),
    (Gitlab, Act::Repository, "GET", "/api/projects/acme%2Fteam%2Fshop.web", "", Bearer, "", gitlab!("projects/#retrieve-a-project")),
    (Gitlab, Act::BranchHead, "GET", "/api/projects/acme%2Fteam%2Fshop.web/repository/branches/feature%2Fx%20y", "", Bearer, "",
        gitlab!("branches/#get-single-repository-branch")),
    (Gitlab, Act::Hooks, "GET", "/api/projects/acme%2Fteam%2Fshop.web/hooks", "per_page=100", Bearer, "",
        gitlab!("project_webhooks/#list-webhooks-for-a-project")),
    (Gitlab, Act::Hook, "GET", "/api/projects/acme%2Fteam%2Fshop.web/hooks/7", "", Bearer, "",
        gitlab!("project_webhooks/#get-a-project-webhook")),
    (Gitlab, Act::CreateHook, "POST", "/api/projects/acme%2Fteam%2Fshop.web/hooks", "", Bearer, GITLAB_HOOK,
        gitlab!("project_webhooks/#add-a-webhook-to-a-project")),
    (Gitlab, Act::UpdateHook, "PUT", "/api/projects/acme%2Fteam%2Fshop.web/hooks/7", "", Bearer, GITLAB_HOOK,
        gitlab!("project_webhooks/#edit-a-project-webhook")),
    (Gitlab, Act::DeleteHook, "DELETE", "/api/projects/acme%2Fteam%2Fshop.web/hooks/7", "", Bearer, "",
        gitlab!("project_webhooks/#delete-project-webhook")),
    (Gitlab, Act::EnableHook, "POST", "/api/projects/acme%2Fteam%2Fshop.web/hooks/7/test/push_events", "", Bearer, "",
        gitlab!("project_webhooks/#trigger-a-test-project-webhook")),
    (Gitlab, Act::SetStatus(StatusState::Pending), "POST", "/api/projects/acme%2Fteam%2Fshop.web/statuses/c0ffee", "", Bearer,
        status!("pending", "name"), gitlab!("commits/#set-commit-pipeline-status")),
    (Gitlab, Act::SetStatus(StatusState::Success), "POST", "/api/projects/acme%2Fteam%2Fshop.web/statuses/c0ffee", "", Bearer,
        status!("success", "name"), gitlab!("commits/#set-commit-pipeline-status")),
    (Gitlab, Act::SetStatus(StatusState::Failure), "POST", "/api/projects/acme%2Fteam%2Fshop.web/statuses/c0ffee", "", Bearer,
        status!("failed", "name"), gitlab!("commits/#set-commit-pipeline-status")),
    (Gitlab, Act::SetStatus(StatusState::Cancelled), "POST", "/api/projects/acme%2Fteam%2Fshop.web/statuses/c0ffee", "", Bearer,
        status!("canceled", "name"), gitlab!("commits/#set-commit-pipeline-status")),

    (Forgejo, Act::ExchangeCode, "POST", "/web/login/oauth/access_token", "", Form, CODE,
        "https://forgejo.org/docs/latest/user/oauth2-provider/"),
    (Forgejo, Act::Refresh, "POST", "/web/login/oauth/access_token", "", Form, REFRESH,
        "https://forgejo.org/docs/latest/user/oauth2-provider/"),
    (Forgejo, Act::Account, "GET", "/api/user", "", Bearer, "", forgejo!("user/userGetCurrent")),
    (Forgejo, Act::Repository, "GET", "/api/repos/acme/shop.web", "", Bearer, "", forgejo!("repository/repoGet")),
    (Forgejo, Act::BranchHead, "GET", "/api/repos/acme/shop.web/branches/feature%2Fx%20y", "", Bearer, "",
        forgejo!("repository/repoGetBranch")),
    (Forgejo, Act::Hooks, "GET", "/api/repos/acme/shop.web/hooks", "limit=50", Bearer, "", forgejo!("repository/repoListHooks")),
    (Forgejo, Act::Hook, "GET", "/api/repos/acme/shop.web/hooks/7", "", Bearer, "", forgejo!("repository/repoGetHook")),
    (Forgejo, Act::CreateHook, "POST", "/api/repos/acme/shop.web/hooks", "", Bearer, FORGEJO_HOOK,
        forgejo!("repository/repoCreateHook")),
    // Its edit leaves the secret as it is, so the webhook is made anew: removed first (`answers.rs`), then this.
    (Forgejo, Act::UpdateHook, "POST", "/api/repos/acme/shop.web/hooks", "", Bearer, FORGEJO_HOOK,
        forgejo!("repository/repoCreateHook")),
    (Forgejo, Act::DeleteHook, "DELETE", "/api/repos/acme/shop.web/hooks/7", "", Bearer, "", forgejo!("repository/repoDeleteHook")),
    (Forgejo, Act::EnableHook, "PATCH", "/api/repos/acme/shop.web/hooks/7", "", Bearer, r#"{"active":true,"events":["push"]}"#,
        forgejo!("repository/repoEditHook")),
    (Forgejo, Act::SetStatus(StatusState::Pending), "POST", "/api/repos/acme/shop.web/statuses/c0ffee", "", Bearer,
        status!("pending", "context"), forgejo!("repository/repoCreateStatus")),
    (Forgejo, Act::SetStatus(StatusState::Success), "POST", "/api/repos/acme/shop.web/statuses/c0ffee", "", Bearer,
        status!("success", "context"), forgejo!("repository/repoCreateStatus")),
    (Forgejo, Act::SetStatus(StatusState::Failure), "POST", "/api/repos/acme/shop.web/statuses/c0ffee", "", Bearer,
        status!("failure", "context"), forgejo!("repository/repoCreateStatus")),
    (Forgejo, Act::SetStatus(StatusState::Cancelled), "POST", "/api/repos/acme/shop.web/statuses/c0ffee", "", Bearer,
        status!("error", "context"), forgejo!("repository/repoCreateStatus")),
];

#[tokio::test]
async fn every_request_is_as_documented() {
    for row in ROWS {
        let (kind, act, method, path, query, auth, body, source) = *row;
        let server = Server::answering([act.answer(kind)]).await;
        let client = client(kind, &server);
        act.perform(&client, &client.session(TOKEN.into())).await.expect(source);
        let asked = server.asked().pop().expect("a request");
        let place = format!("{kind:?} {act:?}, see {source}: {asked:#?}");
        assert_eq!((asked.method.as_str(), asked.path.as_str()), (method, path), "{place}");
        assert_eq!(asked.query, query, "{place}");
        check_headers(kind, auth, &asked, &place);
        check_body(auth, body, &asked, &place);
        assert!(source.starts_with("https://"), "{place}");
    }
}

#[test]
fn every_call_of_every_provider_has_its_row() {
    for kind in [Github, Gitlab, Forgejo] {
        for act in Act::ALL {
            let rows = ROWS.iter().filter(|row| (row.0, row.1) == (kind, act)).count();
            assert_eq!(rows, usize::from(act.exists_at(kind)), "{kind:?} {act:?}");
        }
    }
}

fn check_headers(kind: Kind, auth: Auth, asked: &Asked, place: &str) {
    let is_api = asked.path.starts_with("/api/");
    let accept =
        if kind == Github && is_api { "application/vnd.github+json" } else { "application/json" };
    assert_eq!(asked.header("accept"), Some(accept), "{place}");
    let version = (kind == Github && is_api).then_some("2022-11-28");
    assert_eq!(asked.header("x-github-api-version"), version, "{place}");
    let agent = concat!("webhook-deploy/", env!("CARGO_PKG_VERSION"));
    assert_eq!(asked.header("user-agent"), Some(agent), "{place}");
    let given = asked.header("authorization");
    match auth {
        Bearer => assert_eq!(given, Some(format!("Bearer {TOKEN}").as_str()), "{place}"),
        Jwt => check_jwt(given.expect("a JWT")),
        Basic => {
            let pair = format!("us:{CLIENT_SECRET}");
            let basic = base64::engine::general_purpose::STANDARD.encode(pair);
            assert_eq!(given, Some(format!("Basic {basic}").as_str()), "{place}");
        }
        Form => assert_eq!(given, None, "{place}"),
    }
}

/// Signed with the App's key, from a minute ago, for less than ten minutes from now.
fn check_jwt(given: &str) {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
    let token = given.strip_prefix("Bearer ").expect("Bearer");
    let key = DecodingKey::from_rsa_pem(include_bytes!("app_key.pub.pem")).expect("a key");
    let claims =
        decode::<Value>(token, &key, &Validation::new(Algorithm::RS256)).expect("valid").claims;
    let now = jiff::Timestamp::now().as_second();
    assert_eq!(claims["iss"], "4711");
    assert!((now - 70..=now - 50).contains(&claims["iat"].as_i64().expect("iat")), "{claims}");
    assert!((now + 500..now + 600).contains(&claims["exp"].as_i64().expect("exp")), "{claims}");
}

fn check_body(auth: Auth, body: &str, asked: &Asked, place: &str) {
    if auth == Form {
        assert_eq!(
            asked.header("content-type"),
            Some("application/x-www-form-urlencoded"),
            "{place}"
        );
        assert_eq!(asked.body, body, "{place}");
    } else if body.is_empty() {
        assert_eq!(asked.body, "", "{place}");
    } else {
        assert_eq!(asked.header("content-type"), Some("application/json"), "{place}");
        let read = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        assert_eq!(read(&asked.body), read(body), "{place}");
    }
}

//! What each command asks the platform for, to the letter.

use serde_json::{Value, json};

use crate::{
    ID, paas,
    platform::{Answer, Platform, deploy},
    run,
};

const AT: &str = "2026-11-23T10:00:00Z";

fn source(webhook: &Value) -> Value {
    json!({ "app_id": ID, "provider": "github", "repo_full_name": "acme/shop", "branch": "main",
            "auto_deploy_enabled": true, "clone_url": "https://github.com/acme/shop.git",
            "webhook_url": "https://paas.example.com/v1/webhooks/github/1", "signing_required": false,
            "watch_paths": [], "last_deploy_sha": null, "webhook": webhook })
}

fn check(arguments: &[&str], asked: &str, body: Value, answer: &Value) {
    let platform = Platform::saying(vec![Answer::ok(&answer.to_string())]);
    let ended = run(&platform.url, &[arguments, &["--json"]].concat());
    assert_eq!(ended.code, 0, "{arguments:?}: {}", ended.err);
    let last = platform.asked().pop().unwrap();
    assert_eq!(last.what, asked, "{arguments:?}");
    let sent = serde_json::from_str(&last.body).unwrap_or(Value::Null);
    assert_eq!(sent, body, "{arguments:?}");
    if !answer.is_null() {
        // For programs it is what the API says.
        let said: Value = serde_json::from_str(&ended.out).unwrap();
        assert_eq!(said, *answer, "{arguments:?}");
    }
    let is_post = asked.starts_with("POST ");
    assert_eq!(last.header("idempotency-key").is_some(), is_post, "{arguments:?}");
}

#[test]
fn apps() {
    let app =
        json!({ "id": ID, "name": "shop", "url": "https://shop.example.com", "created_at": AT });
    check(&["apps", "create", "shop"], "POST /v1/apps", json!({ "name": "shop" }), &app);
    let list = json!({ "apps": [app] });
    check(&["apps", "list"], "GET /v1/apps?page_size=200", Value::Null, &list);
}

#[test]
fn deploys_and_releases() {
    let made = json!({ "deploy_id": ID });
    let deploy_of = |command| format!("POST /v1/deploys/{ID}/{command}");
    let app_of = |command| format!("POST /v1/apps/{ID}/{command}");
    check(&["deploy", "cancel", ID], &deploy_of("cancel"), Value::Null, &made);
    check(&["deploy", "redeploy", ID], &app_of("redeploy"), Value::Null, &made);
    check(&["releases", "rollback", ID], &app_of("rollback"), json!({}), &made);
    let to = json!({ "release": "v2" });
    check(&["releases", "rollback", ID, "v2"], &app_of("rollback"), to, &made);
    let resumed = json!({ "status": "auto_deploy resumed" });
    check(&["releases", "resume", ID], &app_of("resume"), Value::Null, &resumed);
    let release = json!({ "release": "v3", "number": 3, "deploy_id": ID, "sha": "5f3e2a1b", "image": "shop@sha256:01",
                          "released_at": AT, "source": "manual:5f3e2a1b", "requested_by": "ci",
                          "is_live": true, "is_available": true });
    let releases = json!({ "releases": [release] });
    let asked = format!("GET /v1/apps/{ID}/releases?page_size=20");
    check(&["releases", ID], &asked, Value::Null, &releases);
    check(&["releases", "list", ID], &asked, Value::Null, &releases);
}

#[test]
fn links() {
    let hook = json!({ "managed": true, "action": "registered", "hook_id": 7 });
    let put = format!("PUT /v1/apps/{ID}/git/source");
    check(
        &["git", "link", ID, "github", "acme/shop"],
        &put,
        json!({ "provider": "github", "repo_full_name": "acme/shop", "branch": "main", "auto_deploy_enabled": true }),
        &source(&hook),
    );
    let all = "git link ID gitlab acme/team/shop --branch trunk --watch-path services/shop/** --watch-path Cargo.lock \
               --clone-url https://git.example.com/shop.git --no-auto-deploy";
    let all: Vec<&str> =
        all.split_whitespace().map(|word| if word == "ID" { ID } else { word }).collect();
    let body = json!({
        "provider": "gitlab", "repo_full_name": "acme/team/shop", "branch": "trunk", "auto_deploy_enabled": false,
        "clone_url": "https://git.example.com/shop.git", "watch_paths": ["services/shop/**", "Cargo.lock"],
    });
    check(&all, &put, body, &source(&hook));
    let unlinked = json!({ "status": "unlinked", "webhook": { "action": "removed" } });
    let delete = format!("DELETE /v1/apps/{ID}/git/source");
    check(&["git", "unlink", ID], &delete, Value::Null, &unlinked);
    let rotated =
        json!({ "webhook_secret": "new-secret", "previous_valid_until": AT, "webhook": hook });
    let put = format!("PUT /v1/apps/{ID}/git/webhook-secret");
    check(&["git", "rotate-secret", ID], &put, json!({}), &rotated);
    let retire = json!({ "retire_previous": true });
    check(&["git", "rotate-secret", ID, "--retire-previous"], &put, retire, &json!({}));
}

#[test]
fn deliveries_and_health() {
    let one = json!({ "id": 7, "received_at": AT, "provider": "github", "origin": "webhook", "delivery_id": "d",
                      "event": "push", "verdict": "queued", "deploy_id": ID, "sha": "5f3e2a1b", "branch": "main",
                      "secret": "current" });
    let all = json!({ "deliveries": [one] });
    let asked = format!("GET /v1/apps/{ID}/deliveries?verdict=queued&page_size=20");
    check(&["git", "deliveries", ID, "--verdict", "queued"], &asked, Value::Null, &all);
    let health = json!({ "healthy": true, "checks": [{ "check": "webhook", "state": "ok", "message": "there" }] });
    check(&["git", "health", ID], &format!("GET /v1/apps/{ID}/git/health"), Value::Null, &health);
}

#[test]
fn providers() {
    let all = json!({ "providers": [{ "provider": "github", "configured": true, "oauth": true, "github_app": false,
                                      "connected": false }] });
    check(&["git", "connections"], "GET /v1/auth", Value::Null, &all);
    let row = json!({ "provider": "github", "configured": true, "oauth": true, "github_app": true,
                      "connected": true, "kind": "github_app", "account": "acme", "connected_at": AT });
    let put = "PUT /v1/auth/github/credential";
    let installation = json!({ "installation_id": 42 });
    check(&["git", "connect", "github", "--installation", "42"], put, installation, &row);
}

#[test]
fn access() {
    let me =
        json!({ "tenant": { "id": ID, "name": "default" }, "actor": "operator", "scope": "admin" });
    check(&["whoami"], "GET /v1/whoami", Value::Null, &me);
    let token = json!({ "id": ID, "name": "ci", "prefix": "paas_ab", "scope": "read", "created_by": "operator",
                        "created_at": AT, "expires_at": AT });
    let list = json!({ "tokens": [token] });
    check(&["tokens", "list"], "GET /v1/tokens?page_size=200", Value::Null, &list);
    let mut made = token;
    made["token"] = "paas_abcdef".into();
    let new = json!({ "name": "ci", "scope": "read", "expires_in_days": 30 });
    let create = ["tokens", "create", "ci", "--scope", "read", "--expires-in-days", "30"];
    check(&create, "POST /v1/tokens", new, &made);
    let tenant = json!({ "id": ID, "name": "acme", "created_at": AT });
    check(&["tenants", "create", "acme"], "POST /v1/tenants", json!({ "name": "acme" }), &tenant);
    let tenants = json!({ "tenants": [tenant] });
    check(&["tenants", "list"], "GET /v1/tenants?page_size=200", Value::Null, &tenants);
    let entries = json!({ "entries": [{ "id": 7, "at": AT, "actor": "operator", "action": "POST /v1/apps",
                                        "target": "/v1/apps", "client": "127.0.0.1", "status": 201 }] });
    check(&["audit"], "GET /v1/audit?page_size=20", Value::Null, &entries);
}

#[test]
fn what_answers_without_a_body_is_told_in_a_word() {
    for (arguments, asked, status) in [
        (&["tokens", "revoke", ID][..], format!("DELETE /v1/tokens/{ID}"), "revoked"),
        (&["git", "disconnect", "gitlab"], "DELETE /v1/auth/gitlab".to_owned(), "disconnected"),
    ] {
        let platform = Platform::saying(vec![Answer::new(204, "")]);
        let ended = run(&platform.url, &[arguments, &["--json"]].concat());
        assert_eq!((ended.code, ended.out), (0, format!("{{\"status\":\"{status}\"}}\n")));
        assert_eq!(platform.asked()[0].what, asked);
    }
}

#[test]
fn the_operator_says_for_which_tenant() {
    let platform = Platform::saying(vec![Answer::ok(&deploy("live", &[]))]);
    let show = ["deploy", "show", ID];
    run(&platform.url, &show);
    run(&platform.url, &[&show[..], &["--tenant", "acme"]].concat());
    let mut by_environment = paas(&show);
    by_environment.env("PAAS_TENANT", "blue").env("PAAS_URL", &platform.url);
    assert!(by_environment.env("PAAS_TOKEN", "x").status().unwrap().success());
    let asked = platform.asked();
    let tenants: Vec<_> = asked.iter().map(|asked| asked.header("x-paas-tenant")).collect();
    assert_eq!(tenants, [None, Some("acme"), Some("blue")]);
    let ended = run(&platform.url, &[&show[..], &["--tenant", "a\nb"]].concat());
    assert_eq!((ended.code, platform.asked().len()), (2, 3), "{}", ended.err);
}

#[test]
fn an_app_is_deleted_only_by_somebody_who_says_so() {
    let app = Answer::ok(&json!({ "id": ID, "name": "shop" }).to_string());
    let deleted = Answer::ok(r#"{"status":"deleted"}"#);
    let platform = Platform::saying(vec![app.clone(), deleted.clone()]);
    let ended = run(&platform.url, &["apps", "delete", ID]);
    assert_eq!((ended.code, platform.asked().len()), (2, 1), "{}", ended.err);
    assert!(ended.err.contains("--yes"), "{}", ended.err);
    let platform = Platform::saying(vec![app, deleted]);
    let ended = run(&platform.url, &["apps", "delete", ID, "--yes"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "App shop is deleted.\n"), "{}", ended.err);
    assert_eq!(platform.asked()[1].what, format!("DELETE /v1/apps/{ID}"));
}

#[test]
fn an_app_is_shown_with_what_it_follows() {
    let app =
        json!({ "id": ID, "name": "shop", "url": "https://shop.example.com", "created_at": AT });
    let hook = json!({ "managed": true, "action": "unchanged" });
    for (answer, line) in [
        (Answer::ok(&source(&hook).to_string()), "repository   acme/shop at github"),
        (Answer::new(404, r#"{"error":"no source"}"#), "follows no repository yet"),
    ] {
        let platform = Platform::saying(vec![Answer::ok(&app.to_string()), answer]);
        let ended = run(&platform.url, &["apps", "show", ID]);
        assert!(ended.code == 0 && ended.out.contains(line), "{}{}", ended.out, ended.err);
    }
}

#[test]
fn a_token_is_alone_on_standard_output_so_that_it_can_be_piped() {
    let made = json!({ "id": ID, "name": "ci", "prefix": "paas_ab", "scope": "deploy", "created_by": "operator",
                       "created_at": AT, "token": "paas_abcdef" });
    let platform = Platform::saying(vec![Answer::new(201, &made.to_string())]);
    let ended = run(&platform.url, &["tokens", "create", "ci"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "paas_abcdef\n"));
    assert!(
        ended.err.contains("shown this once") && !ended.err.contains("abcdef"),
        "{}",
        ended.err
    );
}

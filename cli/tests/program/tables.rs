//! What people see: tables and blocks, each line of which says something; and nothing that others wrote moves a cursor.

use serde_json::{Value, json};

use crate::{
    ID, paas,
    platform::{Answer, Platform},
    run,
};

const AT: &str = "2026-11-23T10:00:00Z";
const LATER: &str = "2026-11-24T11:30:00Z";

fn told(arguments: &[&str], answer: &Value) -> String {
    let platform = Platform::saying(vec![Answer::ok(&answer.to_string())]);
    let ended = run(&platform.url, arguments);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{arguments:?}");
    ended.out
}

#[test]
fn access() {
    let token = json!({ "id": ID, "name": "ci", "prefix": "paas_3fZ", "expires_at": LATER });
    let me = json!({ "tenant": { "id": ID, "name": "acme" }, "actor": "token", "scope": "deploy", "token": token });
    insta::assert_snapshot!("whoami", told(&["whoami"], &me));
    let operator =
        json!({ "tenant": { "id": ID, "name": "default" }, "actor": "operator", "scope": "admin" });
    insta::assert_snapshot!("whoami-operator", told(&["whoami"], &operator));
    let token = |name: &str, more: Value| {
        let mut token = json!({ "id": ID, "name": name, "prefix": "paas_3fZ", "scope": "read",
                                "created_by": "operator", "created_at": AT });
        token.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        token
    };
    let tokens = json!({ "tokens": [
        token("ci", json!({ "last_used_at": LATER })),
        token("old", json!({ "expires_at": "2020-01-01T00:00:00Z" })),
        token("lost", json!({ "expires_at": "2020-01-01T00:00:00Z", "revoked_at": AT })),
    ]});
    insta::assert_snapshot!("tokens", told(&["tokens", "list"], &tokens));
    assert_eq!(
        told(&["tokens", "list"], &json!({ "tokens": [] })),
        "No tokens yet: paas tokens create <name>\n"
    );
    let tenants = json!({ "tenants": [{ "id": ID, "name": "acme", "created_at": AT }] });
    insta::assert_snapshot!("tenants", told(&["tenants", "list"], &tenants));
    let entry = |status: Value| {
        json!({ "id": ID, "at": AT, "actor": "token ci", "action": "POST /v1/apps", "target": "", "client": "192.0.2.7",
                "status": status })
    };
    let entries = json!({ "entries": [entry(json!(201)), entry(Value::Null)] });
    insta::assert_snapshot!("audit", told(&["audit"], &entries));
}

#[test]
fn apps() {
    let app = |name: &str| json!({ "id": ID, "name": name, "url": format!("https://{name}.example.com"), "created_at": AT });
    let list = json!({ "apps": [app("blog"), app("shop")] });
    insta::assert_snapshot!("apps", told(&["apps", "list"], &list));
    insta::assert_snapshot!("app-created", told(&["apps", "create", "shop"], &app("shop")));
    let release = |number: u32, live: bool, available: bool| {
        json!({ "release": format!("v{number}"), "number": number, "deploy_id": ID, "sha": "5f3e2a1b".repeat(5),
                "image": format!("registry.example.com/acme/shop@sha256:{}", "01ab".repeat(16)), "released_at": AT,
                "source": "manual:5f3e2a1b", "requested_by": "token ci", "is_live": live, "is_available": available })
    };
    let releases = json!({ "releases": [release(12, true, true), release(11, false, true), release(1, false, false)] });
    insta::assert_snapshot!("releases", told(&["releases", ID], &releases));
}

#[test]
fn git() {
    let mut providers = vec![
        json!({ "provider": "github", "configured": true, "oauth": true, "github_app": false, "connected": true,
                "kind": "oauth", "account": "ada", "scopes": "repo", "connected_by": "token ada", "connected_at": AT }),
        json!({ "provider": "gitlab", "configured": true, "oauth": true, "github_app": false, "connected": false,
                "kind": "token", "account": "ada", "connected_by": "operator", "connected_at": AT,
                "problem": "the provider refuses the credential" }),
        json!({ "provider": "forgejo", "configured": false, "oauth": false, "github_app": false, "connected": false }),
    ];
    let all = told(&["git", "connections"], &json!({ "providers": providers.clone() }));
    insta::assert_snapshot!("connections", all);
    providers[2]["configured"] = true.into();
    let all = told(&["git", "connections"], &json!({ "providers": [providers[2]] }));
    assert!(all.contains("not connected"), "{all}");
    let delivery = |verdict: &str, more: Value| {
        let mut delivery = json!({ "id": 7, "received_at": AT, "provider": "github", "origin": "webhook",
                                   "delivery_id": "d", "event": "push", "verdict": verdict });
        delivery.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        delivery
    };
    let sha = "5f3e2a1b".repeat(5);
    let deliveries = json!({ "deliveries": [
        delivery("queued", json!({ "deploy_id": ID, "sha": sha, "branch": "main", "secret": "current" })),
        delivery("branch_mismatch", json!({ "sha": sha, "branch": "trunk", "secret": "previous" })),
        delivery("ping", json!({ "event": "ping", "secret": "current" })),
    ]});
    insta::assert_snapshot!("deliveries", told(&["git", "deliveries", ID], &deliveries));
    let unlinked = |action: &str, problem: Option<&str>| {
        let webhook = json!({ "action": action, "problem": problem });
        told(&["git", "unlink", ID], &json!({ "status": "unlinked", "webhook": webhook }))
    };
    insta::assert_snapshot!(
        "unlinked",
        [
            unlinked("removed", None),
            unlinked("none", None),
            unlinked("manual", Some("it is not ours")),
            unlinked("pending", Some("the provider is away"))
        ]
        .concat()
    );
}

#[test]
fn what_others_wrote_moves_no_cursor() {
    let evil = "a\u{1b}[2J\nb\u{202e}";
    let row = json!({ "provider": "github", "configured": true, "connected": true, "account": evil, "problem": evil });
    let release = json!({ "release": evil, "number": 1, "deploy_id": ID, "sha": evil, "image": evil, "released_at": AT,
                          "source": evil, "requested_by": evil, "is_live": false, "is_available": false });
    let delivery = json!({ "id": 1, "received_at": AT, "provider": evil, "origin": evil, "event": evil,
                           "verdict": evil, "sha": evil, "branch": evil, "secret": evil });
    let check = json!({ "check": evil, "state": evil, "message": evil, "fix": evil });
    let entry =
        json!({ "id": 1, "at": AT, "actor": evil, "action": evil, "target": evil, "client": evil });
    for (arguments, answer) in [
        (&["git", "connections"][..], json!({ "providers": [row] })),
        (&["releases", ID], json!({ "releases": [release] })),
        (&["git", "deliveries", ID], json!({ "deliveries": [delivery] })),
        (&["git", "health", ID], json!({ "healthy": true, "checks": [check] })),
        (&["audit"], json!({ "entries": [entry] })),
        (&["apps", "list"], json!({ "apps": [{ "id": ID, "name": evil, "url": evil }] })),
    ] {
        let platform = Platform::saying(vec![Answer::ok(&answer.to_string())]);
        let mut command = paas(arguments);
        let said = command.env("PAAS_URL", &platform.url).env("PAAS_TOKEN", "x").output().unwrap();
        assert!(said.status.success(), "{arguments:?}");
        let text = String::from_utf8(said.stdout).unwrap();
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{arguments:?}: {text:?}");
        assert!(!text.lines().any(|line| line.starts_with('b')), "{arguments:?}: {text:?}");
    }
}

#[test]
fn shells_get_their_completions() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let said = paas(&["completions", shell]).output().unwrap();
        let text = String::from_utf8(said.stdout).unwrap();
        assert!(said.status.success() && text.contains("rotate-secret"), "{shell}");
    }
    assert_eq!(paas(&["completions", "cmd"]).output().unwrap().status.code(), Some(2));
}

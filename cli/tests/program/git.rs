//! `paas git`: consent that is waited for, webhooks to be entered by hand, and causes that are named.

use std::{fs, os::unix::fs::PermissionsExt as _};

use serde_json::{Value, json};

use crate::{
    ID,
    platform::{Answer, Platform},
    run,
};

fn standing(oauth: bool, connected_at: Option<&str>) -> Answer {
    let mut row = json!({ "provider": "github", "configured": true, "oauth": oauth, "github_app": false,
                          "connected": connected_at.is_some() });
    if let Some(at) = connected_at {
        row["connected_at"] = at.into();
        row["account"] = "octocat".into();
    }
    Answer::ok(&json!({ "providers": [row] }).to_string())
}

#[test]
fn consent_is_waited_for() {
    let (before, after) = ("2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z");
    let consent = Answer::ok(r#"{"authorize_url":"https://github.com/login/oauth/authorize?x=1"}"#);
    // Somebody who is connected connects once more: the connection of before is not what is waited for.
    for start in [standing(true, None), standing(true, Some(before))] {
        let answers = vec![start.clone(), consent.clone(), start, standing(true, Some(after))];
        let platform = Platform::saying(answers);
        let ended = run(&platform.url, &["git", "connect", "github"]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        assert_eq!(ended.out, "Connected to github as octocat.\n");
        assert!(
            ended.err.contains("https://github.com/login/oauth/authorize?x=1"),
            "{}",
            ended.err
        );
        let asked: Vec<String> = platform.asked().into_iter().map(|asked| asked.what).collect();
        let auth = "GET /v1/auth";
        assert_eq!(asked, [auth, "GET /v1/auth/github/connect", auth, auth]);
    }
}

#[test]
fn what_the_admin_has_not_set_up_is_said_with_another_way() {
    let platform = Platform::saying(vec![standing(false, None)]);
    let ended = run(&platform.url, &["git", "connect", "github"]);
    assert_eq!((ended.code, platform.asked().len()), (6, 1), "{}", ended.err);
    assert!(ended.err.contains("--pat-file"), "{}", ended.err);
    let ended = run(&platform.url, &["git", "connect", "forgejo"]);
    assert_eq!(ended.code, 6, "{}", ended.err);
}

#[test]
fn a_personal_access_token_is_sent_once_and_shown_never() {
    let row = json!({ "provider": "gitlab", "configured": true, "oauth": false, "github_app": false,
                      "connected": true, "kind": "token", "account": "octocat" });
    let platform = Platform::saying(vec![Answer::ok(&row.to_string())]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pat");
    fs::write(&path, "glpat-canary\n").unwrap();
    let connect = ["git", "connect", "gitlab", "--pat-file", path.to_str().unwrap()];
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let refused = run(&platform.url, &connect);
    assert!(refused.code == 2 && refused.err.contains("chmod 600"), "{}", refused.err);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let ended = run(&platform.url, &connect);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(!format!("{}{}", ended.out, ended.err).contains("canary"), "{}", ended.out);
    let asked = platform.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].what, "PUT /v1/auth/gitlab/credential");
    assert_eq!(asked[0].body, r#"{"token":"glpat-canary"}"#);
}

#[test]
fn a_webhook_to_be_entered_by_hand_is_told_to_the_letter() {
    let settings = json!({
        "url": "https://paas.example.com/v1/webhooks/github/1", "content_type": "application/json",
        "events": ["push"], "secret": "s3cret-of-the-hook", "where": "https://github.com/acme/shop/settings/hooks/new",
    });
    let source = |hook: Value| {
        json!({ "app_id": ID, "provider": "github", "repo_full_name": "acme/shop", "branch": "main",
                "auto_deploy_enabled": true, "clone_url": "https://github.com/acme/shop.git",
                "webhook_url": settings["url"], "last_deploy_sha": null, "webhook": hook })
    };
    let link = ["git", "link", ID, "github", "acme/shop"];
    let manual = json!({ "managed": false, "action": "manual", "settings": settings });
    let platform = Platform::saying(vec![Answer::ok(&source(manual).to_string())]);
    let ended = run(&platform.url, &link);
    assert_eq!(ended.code, 0, "{}", ended.err);
    insta::assert_snapshot!("link-by-hand", ended.out);

    let managed = json!({ "managed": true, "action": "registered", "hook_id": 7 });
    let platform = Platform::saying(vec![Answer::ok(&source(managed).to_string())]);
    let ended = run(&platform.url, &link);
    assert!(ended.out.contains("at provider  registered\n"), "{}", ended.out);
    assert!(!ended.out.contains("Enter this webhook"), "{}", ended.out);
}

#[test]
fn an_app_that_is_not_well_ends_with_one_and_says_what_to_do() {
    let health = json!({ "healthy": false, "checks": [
        { "check": "source", "state": "ok", "message": "follows acme/shop, main" },
        { "check": "webhook", "state": "problem", "message": "the webhook is switched off at github",
          "fix": "paas git link shop github acme/shop" },
        { "check": "last_delivery", "state": "warning", "message": "none for 3 days" },
        { "check": "head", "state": "unknown", "message": "github does not answer" },
    ]});
    let platform = Platform::saying(vec![Answer::ok(&health.to_string())]);
    let ended = run(&platform.url, &["git", "health", ID]);
    assert_eq!((ended.code, ended.err.as_str()), (1, ""));
    insta::assert_snapshot!("health", ended.out);
    let json = run(&platform.url, &["git", "health", ID, "--json"]);
    assert_eq!(json.code, 1);
    assert_eq!(serde_json::from_str::<Value>(&json.out).unwrap(), health);
}

//! `paas login`, `whoami`, `tokens`, `tenants` and `audit`.

use std::{path::Path, process::Stdio};

use e2e::harness::Platform;
use serde_json::Value;
use tokio::{io::AsyncWriteExt as _, process::Command};

use super::{Ended, command, paas};

/// As somebody with a home of their own, who has no token in the environment.
fn at_home(platform: &Platform, home: &Path, arguments: &[&str]) -> Command {
    let mut command = command(platform, arguments);
    command.env_remove("PAAS_TOKEN").env("HOME", home);
    command
}

async fn ended(command: Command) -> Ended {
    typed(command, "").await
}

/// Runs it while somebody gives it this.
async fn typed(mut command: Command, text: &str) -> Ended {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).await.unwrap();
    let output = tokio::time::timeout(crate::identity::PATIENCE, child.wait_with_output()).await;
    let output = output.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Ended {
        code: output.status.code().unwrap(),
        out: text(output.stdout),
        err: text(output.stderr),
    }
}

/// A new token, as `tokens create` shows it.
async fn token(platform: &Platform, arguments: &[&str]) -> String {
    let made = paas(platform, &[&["tokens", "create"], arguments].concat()).await;
    assert_eq!(made.code, 0, "{made:?}");
    let token = made.out.trim().to_owned();
    assert!(token.starts_with("paas_") && !made.err.contains(&token), "{made:?}");
    token
}

#[tokio::test]
async fn a_token_is_made_logged_in_with_and_good_for_its_scope_until_it_is_revoked() {
    let platform = Platform::start().await.unwrap();
    platform.app("shop").await.unwrap();
    let token = token(&platform, &["ci", "--scope", "read", "--expires-in-days", "30"]).await;
    let home = tempfile::tempdir().unwrap();
    let login = typed(at_home(&platform, home.path(), &["login"]), &token).await;
    assert_eq!(login.code, 0, "{login:?}");
    assert!(login.out.contains("as token ci of the tenant default (scope read)"), "{login:?}");
    let me = ended(at_home(&platform, home.path(), &["whoami", "--json"])).await.object();
    assert_eq!((&me["actor"], &me["scope"]), (&"token".into(), &"read".into()), "{me}");
    let apps = ended(at_home(&platform, home.path(), &["apps", "list"])).await;
    assert!(apps.code == 0 && apps.out.contains("shop"), "{apps:?}");

    let refused = ended(at_home(&platform, home.path(), &["apps", "create", "blog"])).await;
    assert_eq!(refused.code, 3, "{refused:?}");
    assert!(refused.err.contains("needs the scope deploy, and the token has read"), "{refused:?}");

    let listed = paas(&platform, &["tokens", "list", "--json"]).await.object();
    let id = listed["tokens"][0]["id"].as_str().unwrap();
    let revoked = paas(&platform, &["tokens", "revoke", id]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    let table = paas(&platform, &["tokens", "list"]).await;
    assert!(table.out.contains(" revoked "), "{table:?}");
    let refused = ended(at_home(&platform, home.path(), &["apps", "list"])).await;
    assert!(refused.code == 3 && refused.err.contains("paas login"), "{refused:?}");
    let again = typed(at_home(&platform, home.path(), &["login"]), &token).await;
    assert_eq!(again.code, 3, "a token that does not work is not stored: {again:?}");
    for said in [&login, &me_text(&me), &refused, &again, &table] {
        assert!(!format!("{said:?}").contains(&token), "{said:?}");
    }
}

fn me_text(me: &Value) -> Ended {
    Ended { code: 0, out: me.to_string(), err: String::new() }
}

#[tokio::test]
async fn the_operator_makes_tenants_that_see_nothing_of_each_other() {
    let platform = Platform::start().await.unwrap();
    platform.app("shop").await.unwrap();
    let made = paas(&platform, &["tenants", "create", "acme"]).await;
    assert_eq!(made.code, 0, "{made:?}");
    assert_eq!(paas(&platform, &["tenants", "create", "acme"]).await.code, 6);
    let tenants = paas(&platform, &["tenants", "list"]).await;
    assert!(tenants.out.contains("acme") && tenants.out.contains("default"), "{tenants:?}");

    let none = paas(&platform, &["--tenant", "acme", "apps", "list"]).await;
    assert!(none.code == 0 && none.out.contains("No apps yet"), "{none:?}");
    let token = token(&platform, &["ada", "--scope", "admin", "--tenant", "acme"]).await;
    let ada = |arguments: &[&str]| {
        let mut command = command(&platform, arguments);
        command.env("PAAS_TOKEN", &token);
        ended(command)
    };
    let app = ada(&["apps", "create", "wiki", "--json"]).await.object();
    let missing = ada(&["apps", "show", "shop"]).await;
    assert_eq!(missing.code, 4, "{missing:?}");
    let foreign = paas(&platform, &["apps", "show", app["id"].as_str().unwrap()]).await;
    assert_eq!(foreign.code, 4, "{foreign:?}");
    assert_eq!(ada(&["tenants", "list"]).await.code, 3, "that is the operator's");

    let audit = ada(&["audit", "--json"]).await.object();
    let entry = audit["entries"].as_array().unwrap().iter().find(|entry| entry["status"] == 201);
    assert!(entry.unwrap()["actor"].as_str().unwrap().contains("ada"), "{audit}");
    let table = ada(&["audit"]).await;
    assert!(table.code == 0 && table.out.contains("/v1/apps"), "{table:?}");
}

#[tokio::test]
async fn a_command_that_is_sent_twice_is_done_once() {
    let platform = Platform::start().await.unwrap();
    let made = paas(&platform, &["apps", "create", "shop"]).await;
    assert!(made.code == 0 && made.out.contains("Next: paas git link shop"), "{made:?}");
    // Each command has a key of its own, so this is another app of that name.
    let taken = paas(&platform, &["apps", "create", "shop"]).await;
    assert_eq!(taken.code, 6, "{taken:?}");
    let wrong = paas(&platform, &["apps", "create", "No Name"]).await;
    assert_eq!(wrong.code, 2, "{wrong:?}");
}

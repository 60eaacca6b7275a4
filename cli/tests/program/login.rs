//! `paas login` and `paas logout`: what is stored, who can read it, and that it is seen to work first.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Stdio},
};

use serde_json::json;

use crate::{
    Ended, ID, TOKEN, paas,
    platform::{Answer, Platform, deploy},
};

fn whoami() -> Answer {
    let token = json!({ "id": ID, "name": "laptop", "prefix": "paas_ab" });
    let tenant = json!({ "id": ID, "name": "acme" });
    Answer::ok(
        &json!({ "tenant": tenant, "actor": "token", "scope": "deploy", "token": token })
            .to_string(),
    )
}

/// Runs a command of somebody whose home is `home`; `typed` comes from standard input.
fn at_home(home: &Path, arguments: &[&str], typed: &str) -> Ended {
    let mut command: Command = paas(arguments);
    command.env("HOME", home).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(typed.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_token_that_works_is_kept_for_the_commands_to_come_and_forgotten_on_demand() {
    let platform = Platform::saying(vec![whoami(), Answer::ok(&deploy("live", &[]))]);
    let home = tempfile::tempdir().unwrap();
    let typed = format!("{TOKEN}\n");
    let ended = at_home(home.path(), &["login", "--url", &platform.url], &typed);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(
        ended.out.contains("as token laptop of the tenant acme (scope deploy)"),
        "{}",
        ended.out
    );
    for name in ["config.toml", "token"] {
        let file = home.path().join(".config/paas").join(name);
        assert_eq!(fs::metadata(file).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
    }
    let shown = at_home(home.path(), &["deploy", "show", ID], "");
    assert_eq!(shown.code, 0, "{}", shown.err);
    let expected = format!("Bearer {TOKEN}");
    for asked in platform.asked() {
        assert_eq!(asked.header("authorization"), Some(expected.as_str()));
    }

    for status in ["logged out", "not logged in"] {
        let ended = at_home(home.path(), &["logout", "--json"], "");
        assert_eq!((ended.code, ended.out), (0, format!("{{\"status\":\"{status}\"}}\n")));
    }
    let shown = at_home(home.path(), &["deploy", "show", ID], "");
    assert!(shown.code == 3 && shown.err.contains("paas login"), "{}", shown.err);
    assert_eq!(platform.asked().len(), 2);
}

#[test]
fn a_token_file_will_do_and_a_new_login_takes_the_place_of_the_old() {
    let platform = Platform::saying(vec![whoami()]);
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("given");
    for token in ["first-token", "second-token"] {
        fs::write(&file, token).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        let file = file.to_str().unwrap();
        let ended =
            at_home(home.path(), &["login", "--url", &platform.url, "--token-file", file], "");
        assert_eq!(ended.code, 0, "{}", ended.err);
        let stored = fs::read_to_string(home.path().join(".config/paas/token")).unwrap();
        assert_eq!(stored, format!("{token}\n"));
    }
    let left = fs::read_dir(home.path().join(".config/paas")).unwrap().count();
    assert_eq!(left, 2, "nothing else is left behind");
}

#[test]
fn what_does_not_work_is_not_stored() {
    let refusing = Platform::saying(vec![Answer::new(401, r#"{"error":"no: {token}"}"#)]);
    for (url, typed, code) in [
        (refusing.url.as_str(), TOKEN, 3),
        (&refusing.url, "", 3),
        (&refusing.url, "two words", 2),
        ("http://127.0.0.1:1", TOKEN, 5),
        ("http://paas.example.com", TOKEN, 2),
    ] {
        let home = tempfile::tempdir().unwrap();
        let ended = at_home(home.path(), &["login", "--url", url], typed);
        assert_eq!(ended.code, code, "{url}: {}", ended.err);
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "{url}");
    }
    assert_eq!(refusing.asked().len(), 1, "nothing is asked without a token");
}

//! Where address and token come from, and where the token does not go.

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path};

use crate::{
    Ended, ID, TOKEN, paas,
    platform::{Answer, Platform, deploy},
    run,
};

fn write(path: &Path, text: &str, mode: u32) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_config_file_is_enough_while_nobody_else_can_read_it() {
    let platform = Platform::saying(vec![Answer::ok(&deploy("live", &[]))]);
    let folder = tempfile::tempdir().unwrap();
    let config = format!("url = \"{}\"\ntoken = \"{TOKEN}\"\n", platform.url);
    for (variable, place) in
        [("XDG_CONFIG_HOME", "paas/config.toml"), ("HOME", ".config/paas/config.toml")]
    {
        let path = folder.path().join(place);
        let show = || {
            let mut paas = paas(&["deploy", "show", ID]);
            Ended::from(paas.env(variable, folder.path()).output().unwrap())
        };
        write(&path, &config, 0o600);
        let ended = show();
        assert_eq!(ended.code, 0, "{}", ended.err);
        write(&path, &config, 0o644);
        let ended = show();
        assert_eq!(ended.code, 2, "{}", ended.err);
        assert!(ended.err.contains(&format!("chmod 600 {}", path.display())), "{}", ended.err);
    }
    assert_eq!(platform.asked().len(), 2);
}

#[test]
fn without_a_token_nothing_is_asked() {
    let platform = Platform::saying(vec![Answer::ok("{}")]);
    let ended =
        Ended::from(paas(&["deploys", "shop"]).env("PAAS_URL", &platform.url).output().unwrap());
    assert_eq!(ended.code, 3);
    assert!(ended.err.contains("PAAS_TOKEN"), "{}", ended.err);
    let ended = run(&platform.url, &["deploys", "shop", "--token-file", "/nowhere/token"]);
    assert_eq!(ended.code, 2, "a file that is named and is not there is no reason to take another");
    assert!(platform.asked().is_empty());
}

#[test]
fn the_token_is_not_sent_where_others_could_read_it() {
    for url in ["http://paas.example.com", "http://10.0.0.1:8080"] {
        let ended = run(url, &["deploys", "shop"]);
        assert_eq!(ended.code, 2, "{}", ended.err);
        assert!(ended.err.contains("--insecure-http"), "{}", ended.err);
    }
    let ended = run(&format!("https://user:{TOKEN}@example.com"), &["deploys", "shop"]);
    assert_eq!(ended.code, 2, "{}", ended.err);
}

#[test]
fn a_wrong_command_line_ends_with_two() {
    for arguments in [
        &["deploy", "show", "shop"][..],
        &["deploys"],
        &["deploys", "shop", "--limit", "0"],
        &["replay", "--since", "yesterday"],
        &["replay", "--since", "1h", "--until", "2h"],
        &["replay", "--from-seq", "3", "--to-seq", "2"],
        &["replay", "--yes", "--dry-run"],
        &["dead-letters", "show", "-1"],
        &["dead-letters", "list", "--state", "dead"],
        &["launch"],
        &[],
    ] {
        assert_eq!(run("http://127.0.0.1:1", arguments).code, 2, "{arguments:?}");
    }
}

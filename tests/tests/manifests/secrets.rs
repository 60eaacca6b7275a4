//! `./dev env` and `k8s/secrets`: what they write is whole, random and nobody else's to read.

use std::{
    os::unix::fs::PermissionsExt as _,
    process::{Command, Output},
};

use serde_json::Value;

use super::{
    kubernetes::complaints,
    yaml::{at, entries, root, text},
};

fn env(folder: &std::path::Path) -> Output {
    std::fs::copy(root("dev"), folder.join("dev")).unwrap();
    Command::new("bash").arg("dev").arg("env").current_dir(folder).output().unwrap()
}

/// The `.env` of a new installation.
pub(super) fn made() -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let output = env(folder.path());
    assert!(output.status.success(), "{output:?}");
    let text = std::fs::read_to_string(folder.path().join(".env")).unwrap();
    (folder, text)
}

/// The Secrets of an overlay.
pub(super) fn of(overlay: &str) -> Vec<Value> {
    let (folder, _) = made();
    let output = Command::new("bash")
        .arg(root("k8s/secrets"))
        .arg(overlay)
        .env("ENV_FILE", folder.path().join(".env"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let documents: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
    documents.into_iter().filter(|document| !document.is_null()).collect()
}

#[test]
fn the_secrets_are_random_and_readable_by_their_owner_only() {
    let (folder, first) = made();
    let (_, second) = made();
    let mode = std::fs::metadata(folder.path().join(".env")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    };
    for (one, other) in lines(&first).iter().zip(&lines(&second)) {
        assert!(one != other || one.starts_with("PAAS_URL="), "{one}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "a draft stayed");
}

#[test]
fn secrets_that_are_there_stay() {
    let (folder, before) = made();
    let output = env(folder.path());
    assert!(output.status.success());
    assert_eq!(std::fs::read_to_string(folder.path().join(".env")).unwrap(), before);
}

#[test]
fn the_management_api_knows_the_hash_of_the_token() {
    let (_, text) = made();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name}=")));
        line.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    let hash = <sha2::Sha256 as sha2::Digest>::digest(value("PAAS_TOKEN"));
    assert_eq!(value("API_TOKEN_SHA256"), hex::encode(hash));
    // A broker's configuration reads a value that begins with a digit as a number.
    for name in ["NATS_ADMIN_PASSWORD", "NATS_INGRESS_PASSWORD", "NATS_DEPLOYER_PASSWORD"] {
        assert!(value(name).starts_with(|c: char| c.is_ascii_alphabetic()), "{name}");
    }
}

#[test]
fn the_secrets_for_kubernetes_are_sound() {
    for overlay in ["evaluation", "production"] {
        for secret in of(overlay) {
            assert_eq!(complaints(&secret), Vec::<String>::new());
            for (name, value) in entries(&secret, "/stringData") {
                assert!(
                    !value.as_str().unwrap().is_empty(),
                    "{}: {name}",
                    at(&secret, "/metadata/name")
                );
            }
        }
    }
}

#[test]
fn the_broker_and_the_database_are_given_the_passwords_that_they_ask_for() {
    let (config, roles) = (text("deploy/nats.conf"), text("deploy/postgres/roles.sql"));
    let mut asked: Vec<&str> =
        config.split('$').skip(1).filter_map(|rest| rest.split(['\n', '"']).next()).collect();
    asked.retain(|name| name.ends_with("_PASSWORD"));
    asked.extend(
        roles
            .lines()
            .filter(|line| line.starts_with("\\getenv"))
            .filter_map(|line| line.split(' ').nth(2)),
    );
    assert_eq!(asked.len(), 6, "{asked:?}");
    let compose = text("docker-compose.yml");
    let secrets = of("evaluation");
    for name in asked {
        assert!(
            compose.contains(&format!("{name}: ${{{name}:?")),
            "docker-compose.yml gives no {name}"
        );
        let given = secrets.iter().any(|secret| secret["stringData"].get(name).is_some());
        assert!(given, "k8s/secrets gives no {name}");
    }
}

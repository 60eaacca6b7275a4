//! The Dockerfile and what it is built from.

use std::collections::BTreeSet;

use super::yaml::{at, document, entries, root, text};

/// Names of the stages, with what each is made from.
fn stages() -> Vec<(String, String)> {
    let file = text("Dockerfile");
    let lines = file.lines().filter_map(|line| line.strip_prefix("FROM "));
    lines
        .map(|line| line.split_once(" AS ").unwrap())
        .map(|(from, name)| (name.to_owned(), from.to_owned()))
        .collect()
}

#[test]
fn a_final_image_holds_nothing_but_what_is_copied_into_it() {
    let stages = stages();
    let from =
        |name: &str| stages.iter().find(|stage| stage.0 == name).map(|stage| stage.1.as_str());
    assert_eq!(from("runtime"), Some("scratch"));
    for target in ["ingress-svc", "deployer-svc", "paas", "cluster-standin"] {
        assert_eq!(from(target), Some("runtime"), "{target}");
    }
    let runtime = text("Dockerfile");
    let runtime = &runtime[runtime.find("FROM scratch").unwrap()..];
    assert!(runtime.contains("\nUSER 65532:65532\n"));
    assert!(!runtime.contains("\nRUN "), "there is no shell to run it");
    assert!(!runtime.contains("USER root"));
}

#[test]
fn every_package_that_is_built_is_there_and_every_program_of_it_is_laid_out() {
    let file = text("Dockerfile").replace("\\\n", " ");
    let packages: BTreeSet<_> = file
        .split("--package ")
        .skip(1)
        .filter_map(|rest| rest.split_whitespace().next())
        .collect();
    let members = text("Cargo.toml");
    let members: Vec<_> = members
        .lines()
        .filter_map(|line| line.trim().strip_prefix('"')?.split('"').next())
        .collect();
    let names: BTreeSet<String> = members
        .iter()
        .filter_map(|member| std::fs::read_to_string(root(member).join("Cargo.toml")).ok())
        .filter_map(|manifest| {
            Some(manifest.split("name = \"").nth(1)?.split('"').next()?.to_owned())
        })
        .collect();
    for package in &packages {
        assert!(names.contains(*package), "there is no package {package}");
    }
    for line in file.split("deploy/image-contents ").skip(1) {
        let words: Vec<_> = line.split_whitespace().take(3).collect();
        let [program, sbom, folder] = words[..] else { panic!("{line}") };
        assert!(e2e::binaries::ours(program).is_ok(), "{program}");
        let crate_folder = sbom.rsplit_once('/').unwrap().0;
        assert!(members.contains(&crate_folder), "{sbom}");
        assert!(file.contains(&format!("COPY --from=build {folder} /\n")), "{folder}");
    }
}

/// A build of the image sees what `.dockerignore` lets in.
#[test]
fn the_context_has_every_crate_of_the_workspace() {
    let ignored = text(".dockerignore");
    let kept: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let workspace = text("Cargo.toml");
    let members = workspace.split("members = [").nth(1).unwrap().split(']').next().unwrap();
    for member in members.split('"').skip(1).step_by(2) {
        let manifest = format!("{member}/Cargo.toml");
        assert!(kept.iter().any(|kept| manifest.starts_with(kept)), "the build has no {manifest}");
    }
    for path in kept {
        assert!(root(path).exists(), ".dockerignore keeps {path}, which is not there");
    }
}

#[test]
fn compose_builds_targets_that_are_there() {
    let stages = stages();
    for (name, service) in entries(&document("docker-compose.yml"), "/services") {
        let target = at(service, "/build/target");
        assert!(
            target.is_empty() || stages.iter().any(|stage| stage.0 == target),
            "{name}: {target}"
        );
        assert!(
            target.is_empty() || at(service, "/image").starts_with(&format!("paas/{target}:")),
            "{name}"
        );
    }
}

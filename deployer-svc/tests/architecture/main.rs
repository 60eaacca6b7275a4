//! The arrows inside our crates, which the compiler does not know: where SQL, status codes and Kubernetes may be named,
//! and which parts do not know one another. `rules` is the table; the arrows between crates are in `deny.toml`.
//! `documents` holds what people read to what is there, `product` what ships to any cluster at all.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod documents;
mod product;
mod rule;
mod rules;
mod source;

use std::{
    fs,
    path::{Path, PathBuf},
};

use rules::{DOMAIN_DEPENDENCIES, FILE_NAMES_WITHOUT_MEANING, LONGEST_FILE, RULES};
use source::Source;

/// All crates but the command line.
const PARTS: [&str; 10] = [
    "proto",
    "telemetry",
    "providers",
    "ingress-svc",
    "deployer-svc",
    "deployer-svc/domain",
    "deployer-svc/cluster",
    "tests",
    "tests/standin",
    "tests/forge",
];

#[test]
fn no_file_names_what_belongs_elsewhere() {
    let sources = sources();
    let found: Vec<String> = RULES
        .iter()
        .flat_map(|rule| sources.iter().flat_map(|source| rule.violations(source)))
        .collect();
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn every_rule_is_about_files_that_are_there() {
    let sources = sources();
    for rule in RULES {
        let covered = sources.iter().any(|source| rule.covers(&source.path));
        assert!(covered, "no file lies in {:?}: {}", rule.within, rule.because);
    }
}

#[test]
fn no_file_is_too_long_to_read() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| source.lines() > LONGEST_FILE)
        .map(|source| format!("{}: {} lines", source.path, source.lines()))
        .collect();
    assert!(long.is_empty(), "more than {LONGEST_FILE} lines:\n{}", long.join("\n"));
}

#[test]
fn every_file_says_why_it_exists() {
    let silent: Vec<String> = sources()
        .into_iter()
        .filter(|source| !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "no `//!` in the first line:\n{}", silent.join("\n"));
}

#[test]
fn every_module_is_named_after_what_it_does() {
    let vague: Vec<String> = sources()
        .into_iter()
        .map(|source| source.path)
        .filter(|path| {
            let mut parts = path.trim_end_matches(".rs").split('/');
            parts.any(|part| FILE_NAMES_WITHOUT_MEANING.contains(&part))
        })
        .collect();
    assert!(vague.is_empty(), "such a name says nothing:\n{}", vague.join("\n"));
}

#[test]
fn the_rules_of_the_line_depend_on_nothing_that_acts() {
    let manifest = fs::read_to_string(root().join("deployer-svc/domain/Cargo.toml")).unwrap();
    let acting: Vec<&str> = source::section(&manifest, "dependencies")
        .filter(|name| !DOMAIN_DEPENDENCIES.contains(name))
        .collect();
    assert!(acting.is_empty(), "deploy-domain is pure and sync, but depends on {acting:?}");
}

#[test]
fn the_command_line_knows_the_platform_by_its_api_only() {
    let manifest = |part: &str| fs::read_to_string(root().join(part).join("Cargo.toml")).unwrap();
    let tables = ["dependencies", "dev-dependencies", "build-dependencies"];
    let names = |part: &str| {
        let manifest = manifest(part);
        let names = tables.iter().flat_map(|table| source::section(&manifest, table));
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let ours = ["ingress-svc", "deployer-svc", "deploy-domain", "cluster-agent", "telemetry"];
    let known: Vec<_> = names("cli").into_iter().filter(|name| ours.contains(&&**name)).collect();
    assert!(known.is_empty(), "paas-cli depends on {known:?}");
    for part in PARTS {
        assert!(!names(part).iter().any(|name| name == "paas-cli"), "{part} depends on paas-cli");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every `.rs` file of the repository.
fn sources() -> Vec<Source> {
    let root = root();
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    assert!(!paths.is_empty(), "no source file below {}", root.display());
    paths
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            Source { path: name, text: fs::read_to_string(path).unwrap() }
        })
        .collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            // What was built is not ours, nor is what hides.
            if name != "target" && !name.starts_with('.') {
                collect(&path, paths);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

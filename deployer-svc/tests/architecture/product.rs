//! What ships knows only Kubernetes and Tekton: nothing of it, comments included, names the stand-in that tests and demo
//! run against.

use std::{fs, path::Path};

use crate::root;

/// What ships, from the root of the repository; the folder of this test names what it forbids.
const PRODUCT: &[&str] = &[
    "cli",
    "deployer-svc/Cargo.toml",
    "deployer-svc/build.rs",
    "deployer-svc/src",
    "deployer-svc/domain",
    "deployer-svc/cluster",
    "ingress-svc",
    "k8s",
    "migrations",
    "proto",
    "telemetry",
];

#[test]
fn nowhere_does_the_product_know_the_stand_in() {
    let mut found = Vec::new();
    for place in PRODUCT {
        let path = root().join(place);
        assert!(path.exists(), "nothing is at {place}");
        collect(&path, &mut found);
    }
    assert!(found.is_empty(), "the product runs on any cluster:\n{}", found.join("\n"));
}

fn collect(path: &Path, found: &mut Vec<String>) {
    if path.is_dir() {
        let entries = fs::read_dir(path).unwrap();
        entries.for_each(|entry| collect(&entry.unwrap().path(), found));
    } else {
        let text = String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
        let lines = text.lines().enumerate().filter(|(_, line)| names_the_stand_in(line));
        let shown = lines.map(|(at, line)| format!("{}:{}: {line}", path.display(), at + 1));
        found.extend(shown);
    }
}

fn names_the_stand_in(line: &str) -> bool {
    let line = line.to_lowercase().replace(['-', '_'], "");
    let mut ends = line.match_indices("standin").map(|(at, name)| &line[at + name.len()..]);
    // "standing" is another word.
    ends.any(|rest| !rest.starts_with('g'))
}

#[test]
fn the_stand_in_is_known_by_any_spelling() {
    for line in ["cluster-standin", "a Stand-In", "STAND_IN=1", "standin::serve()"] {
        assert!(names_the_stand_in(line), "{line}");
    }
    for line in ["use crate::fence::standing;", "Standing::Same", "they stand in the URL", ""] {
        assert!(!names_the_stand_in(line), "{line}");
    }
}

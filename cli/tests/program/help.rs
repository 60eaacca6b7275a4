//! What each command says of itself.

use std::{collections::BTreeSet, fs, path::Path};

use clap::{Command, CommandFactory as _};

use crate::{Ended, paas};

/// `command` and all beneath it, each with the words that lead there; no command can be left out.
fn paths(command: &Command, leading: &[String]) -> Vec<Vec<String>> {
    let below = command.get_subcommands().flat_map(|below| {
        let path: Vec<_> = leading.iter().cloned().chain([below.get_name().to_owned()]).collect();
        paths(below, &path)
    });
    [leading.to_vec()].into_iter().chain(below).collect()
}

fn all() -> Vec<Vec<String>> {
    paths(&paas_cli::Cli::command(), &[])
}

fn snapshot(path: &[String]) -> String {
    [&["paas".to_owned()], path].concat().join("-")
}

#[test]
fn each_command_says_how_it_is_used() {
    for path in all() {
        let mut help = paas(&[]);
        let said = Ended::from(help.args(&path).arg("--help").output().unwrap());
        assert_eq!((said.code, said.err.as_str()), (0, ""), "{path:?}");
        insta::assert_snapshot!(snapshot(&path), said.out);
    }
}

#[test]
fn each_help_that_was_written_down_is_that_of_a_command() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/snapshots");
    let prefix = "program__help__";
    let names = fs::read_dir(folder).unwrap().map(|file| file.unwrap().file_name());
    let found: BTreeSet<String> = names
        .filter_map(|name| {
            let name = name.to_str().unwrap().strip_prefix(prefix)?;
            Some(name.strip_suffix(".snap")?.to_owned())
        })
        .collect();
    let expected: BTreeSet<String> = all().iter().map(|path| snapshot(path)).collect();
    assert_eq!(found, expected);
}

#[test]
fn the_document_has_a_row_for_each_command() {
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cli.md");
    let document = fs::read_to_string(document).unwrap();
    let root = paas_cli::Cli::command();
    for path in all() {
        let command = path.iter().fold(&root, |at, name| at.find_subcommand(name).unwrap());
        let name = format!("paas {}", path.join(" "));
        let is_one_to_run = !command.is_subcommand_required_set();
        let is_told = document.lines().any(|line| line.starts_with(&format!("| `{name}")));
        assert!(path.is_empty() || !is_one_to_run || is_told, "no row for `{name}`");
    }
}

#[test]
fn the_help_says_nothing_of_what_is_set() {
    let mut help = paas(&["--help"]);
    let said = help.env("PAAS_URL", "https://secret.example.com").env("PAAS_TOKEN", crate::TOKEN);
    let said = Ended::from(said.env("PAAS_TENANT", "secret").output().unwrap());
    assert!(said.out.contains("PAAS_URL") && !said.out.contains("secret.example"), "{}", said.out);
    assert!(!said.out.contains("=secret"), "{}", said.out);
}

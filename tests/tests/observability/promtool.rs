//! Prometheus's own checker.

use std::{
    fmt::Write as _,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use super::{
    documents::{self, Query},
    scrape::Scrape,
};

/// What OpenTelemetry's conventions name so, and promtool would name otherwise.
const NAMED_BY_OPENTELEMETRY: [&str; 1] = ["db_client_connection_count"];

fn program() -> PathBuf {
    let pinned = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.dev/bin/promtool");
    let found = Some(pinned).filter(|path| path.is_file());
    let found = found.or_else(|| e2e::binaries::in_path("promtool"));
    found.unwrap_or_else(|| {
        panic!("promtool is not installed: `./dev setup` unpacks it into .dev/bin")
    })
}

fn output(args: &[&str], input: &str) -> Output {
    let mut promtool = Command::new(program())
        .args(args)
        .current_dir(documents::folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    promtool.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    promtool.wait_with_output().unwrap()
}

/// Runs it among the documents; it must be content.
pub(super) fn run(args: &[&str]) {
    let output = output(args, "");
    let (out, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {args:?}: {out}{errors}");
}

/// Each is an expression that Prometheus takes.
pub(super) fn expressions_are_valid(queries: &[Query]) {
    let mut rules = "groups:\n- name: dashboards\n  rules:\n".to_owned();
    for (number, Query { expression, .. }) in queries.iter().enumerate() {
        let expression = expression.replace("$__rate_interval", "5m");
        let expression = serde_json::to_string(&expression).unwrap();
        writeln!(rules, "  - {{ record: \"panel:{number}\", expr: {expression} }}").unwrap();
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(rules.as_bytes()).unwrap();
    run(&["check", "rules", file.path().to_str().unwrap()]);
}

/// promtool finds nothing amiss in what a service measures.
pub(super) fn metrics_are_named_well(service: &str, scrape: &Scrape) {
    let output = output(&["check", "metrics"], &scrape.text);
    let told = String::from_utf8_lossy(&output.stderr);
    let told = told.lines().chain(std::str::from_utf8(&output.stdout).unwrap().lines());
    let is_known = |line: &str| NAMED_BY_OPENTELEMETRY.iter().any(|name| line.starts_with(name));
    let amiss: Vec<_> = told.filter(|line| !is_known(line)).collect();
    assert_eq!(amiss, Vec::<&str>::new(), "{service}");
}

//! The files of `docs/observability`.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::scrape::Scrape;

/// An expression, and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Query {
    pub(super) at: String,
    pub(super) expression: String,
    /// Labels that the text beside it shows.
    pub(super) labels: BTreeSet<String>,
}

/// A Grafana dashboard, as far as we look at it.
#[derive(Debug, Deserialize)]
pub(super) struct Dashboard {
    pub(super) uid: String,
    pub(super) title: String,
    pub(super) templating: Templating,
    pub(super) panels: Vec<Panel>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Templating {
    pub(super) list: Vec<Variable>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Variable {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Panel {
    pub(super) id: u32,
    pub(super) title: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) datasource: Option<Source>,
    #[serde(default)]
    pub(super) targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Source {
    pub(super) uid: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Target {
    expr: String,
    #[serde(rename = "legendFormat")]
    legend: String,
}

/// An alert rule.
#[derive(Debug, Deserialize)]
pub(super) struct Rule {
    pub(super) alert: String,
    expr: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Debug, Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

/// Where they are.
pub(super) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/observability")
}

/// One of them.
pub(super) fn text(name: &str) -> String {
    let path = folder().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The dashboards.
pub(super) fn dashboards() -> Vec<Dashboard> {
    let files = std::fs::read_dir(folder().join("dashboards")).unwrap();
    let texts = files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap());
    texts.map(|text| serde_json::from_str(&text).unwrap()).collect()
}

/// The alert rules.
pub(super) fn rules() -> Vec<Rule> {
    let rules: Rules = serde_saphyr::from_str(&text("alerts.yaml")).unwrap();
    rules.groups.into_iter().flat_map(|group| group.rules).collect()
}

/// What the dashboards ask.
pub(super) fn shown() -> Vec<Query> {
    let mut queries = Vec::new();
    for Dashboard { title, panels, .. } in dashboards() {
        for panel in panels {
            let at = format!("{title}: {}", panel.title);
            queries.extend(panel.targets.into_iter().map(|target| Query {
                at: at.clone(),
                expression: target.expr,
                labels: between(&target.legend, "{{", "}}"),
            }));
        }
    }
    queries
}

/// What the alert rules ask.
pub(super) fn watched() -> Vec<Query> {
    let labels = |rule: &Rule| {
        let texts = rule.annotations.values();
        texts.flat_map(|text| between(text, "{{ $labels.", " }}")).collect()
    };
    let query = |rule: Rule| Query { labels: labels(&rule), at: rule.alert, expression: rule.expr };
    rules().into_iter().map(query).collect()
}

fn between(text: &str, before: &str, after: &str) -> BTreeSet<String> {
    let parts = text.split(before).skip(1);
    parts.filter_map(|part| Some(part.split_once(after)?.0.to_owned())).collect()
}

const TABLE_BEGINS: &str = "<!-- metrics: begin -->\n";
const TABLE_ENDS: &str = "<!-- metrics: end -->";

/// The table of README.md is what the services say of themselves. `UPDATE_METRICS_TABLE=1` writes it.
pub(super) fn table_is_current(ingress: &Scrape, deployer: &Scrape) {
    let text = text("README.md");
    let (before, rest) = text.split_once(TABLE_BEGINS).unwrap();
    let (table, after) = rest.split_once(TABLE_ENDS).unwrap();
    let current = tables(ingress, deployer);
    if std::env::var_os("UPDATE_METRICS_TABLE").is_some() {
        let text = format!("{before}{TABLE_BEGINS}{current}{TABLE_ENDS}{after}");
        std::fs::write(folder().join("README.md"), text).unwrap();
        return;
    }
    assert_eq!(table, current, "run this test with UPDATE_METRICS_TABLE=1");
}

fn tables(ingress: &Scrape, deployer: &Scrape) -> String {
    let both: BTreeSet<_> =
        ingress.metrics().keys().filter(|name| deployer.metrics().contains_key(*name)).collect();
    let of = |scrape: &Scrape, shared: bool| {
        let metrics = scrape.metrics().iter().filter(|(name, _)| both.contains(name) == shared);
        let rows: Vec<_> = metrics
            .map(|(name, help)| {
                let labels: Vec<_> =
                    scrape.labels(name).into_iter().map(|label| format!("`{label}`")).collect();
                format!("| `{name}` | {} | {help} |\n", labels.join(", "))
            })
            .collect();
        format!("| Metric | Labels | |\n|---|---|---|\n{}", rows.concat())
    };
    format!(
        "\n**The ingress**\n\n{}\n**The deployer**\n\n{}\n**Both**\n\n{}\n",
        of(ingress, false),
        of(deployer, false),
        of(ingress, true),
    )
}

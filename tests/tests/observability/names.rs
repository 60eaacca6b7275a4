//! Whether what a query names is there.

use std::collections::BTreeSet;

use super::{
    all,
    documents::Query,
    promql::{Matcher, Named, Selector},
    scrape::{Scrape, Series},
};

/// What Prometheus adds to every series by itself.
const OF_PROMETHEUS: [&str; 2] = ["job", "instance"];

/// What a query names and nobody measures.
pub(super) fn complaints(query: &Query, scrapes: &[&Scrape; 2]) -> Vec<String> {
    let named = Named::of(&query.expression);
    let mut complaints = Vec::new();
    let mut known: BTreeSet<_> = OF_PROMETHEUS.into_iter().map(str::to_owned).collect();
    for selector in &named.selectors {
        if selector.metric == "up" {
            continue;
        }
        let series = all(scrapes, &selector.metric);
        if series.is_empty() {
            complaints.push(format!("there is no {}", selector.metric));
        }
        complaints.extend(unmet(selector, &series));
        known.extend(series.into_iter().flat_map(|series| series.labels.into_keys()));
    }
    let labels =
        named.groupings.iter().chain(&query.labels).filter(|label| !known.contains(*label));
    complaints.extend(labels.map(|label| format!("nothing in it has a label {label}")));
    complaints.iter().map(|complaint| format!("{}: {complaint}", query.at)).collect()
}

/// Conditions that no series meets.
fn unmet(selector: &Selector, series: &[Series]) -> Vec<String> {
    let mut unmet = Vec::new();
    let conditions =
        selector.matchers.iter().filter(|it| !OF_PROMETHEUS.contains(&it.label.as_str()));
    for Matcher { label, operator, value } in conditions {
        let values: BTreeSet<_> = series.iter().filter_map(|it| it.labels.get(label)).collect();
        let wanted: Vec<_> = match operator.as_str() {
            "=~" => value.split('|').collect(),
            _ => vec![value.as_str()],
        };
        let missing = wanted.iter().filter(|value| !values.iter().any(|it| it == *value));
        unmet.extend(missing.map(|value| format!("{} has no {label}={value:?}", selector.metric)));
    }
    unmet
}

#[test]
fn what_nobody_measures_is_complained_of() {
    let scrape = Scrape::read("a{x=\"1\"} 1\nb 2\n".to_owned());
    let query = |expression: &str| Query {
        at: "here".to_owned(),
        expression: expression.to_owned(),
        labels: BTreeSet::from(["job".to_owned(), "y".to_owned()]),
    };
    let complaints = complaints(&query("a{x=~\"1|2\"} + c + sum by (z) (b)"), &[&scrape, &scrape]);
    let expected = [
        "here: a has no x=\"2\"",
        "here: there is no c",
        "here: nothing in it has a label z",
        "here: nothing in it has a label y",
    ];
    assert_eq!(complaints, expected);
}

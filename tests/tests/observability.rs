//! What people see and what rings: that dashboards and alerts name what the services measure, and that there is a text
//! for each. promtool judges what is Prometheus's own business.

mod documents;
mod names;
mod promql;
mod promtool;
mod scrape;
mod story;

use std::collections::BTreeSet;

use self::{
    documents::{Dashboard, Rule},
    scrape::Scrape,
};

#[test]
fn the_alert_rules_are_valid_and_each_rings_when_it_should() {
    promtool::run(&["check", "rules", "alerts.yaml"]);
    promtool::run(&["test", "rules", "alerts.test.yaml"]);
    let tests = documents::text("alerts.test.yaml");
    for Rule { alert, .. } in documents::rules() {
        assert!(tests.contains(&format!("- name: {alert}\n")), "{alert} is not tested");
    }
}

#[test]
fn every_alert_says_what_is_wrong_and_leads_to_its_runbook() {
    let runbooks = documents::text("runbooks.md");
    let headings: BTreeSet<_> =
        runbooks.lines().filter_map(|line| line.strip_prefix("### ")).map(str::to_owned).collect();
    let mut alerts = BTreeSet::new();
    for Rule { alert, labels, annotations, .. } in documents::rules() {
        let severity = labels.get("severity").map(String::as_str);
        assert!(matches!(severity, Some("critical" | "warning")), "{alert}: {severity:?}");
        for name in ["summary", "description"] {
            assert!(annotations.get(name).is_some_and(|text| !text.is_empty()), "{alert}: {name}");
        }
        let runbook = format!("docs/observability/runbooks.md#{}", alert.to_lowercase());
        assert_eq!(annotations.get("runbook_url"), Some(&runbook), "{alert}");
        assert!(alerts.insert(alert), "two alerts of one name");
    }
    assert_eq!(headings, alerts, "a section of runbooks.md for each alert, and no other");
}

#[test]
fn grafana_can_load_the_dashboards() {
    let dashboards = documents::dashboards();
    assert_eq!(dashboards.len(), 3);
    let uids: BTreeSet<_> = dashboards.iter().map(|dashboard| &dashboard.uid).collect();
    assert_eq!(uids.len(), 3, "{uids:?}");
    for Dashboard { uid, panels, templating, .. } in &dashboards {
        assert!(
            templating.list.iter().any(|it| it.kind == "datasource" && it.name == "datasource")
        );
        let ids: BTreeSet<_> = panels.iter().map(|panel| panel.id).collect();
        assert_eq!(ids.len(), panels.len(), "{uid}: two panels of one id");
        for panel in panels.iter().filter(|panel| panel.kind != "row") {
            let source = panel.datasource.as_ref().map(|source| source.uid.as_str());
            assert_eq!(source, Some("${datasource}"), "{uid}: {}", panel.title);
            assert!(!panel.targets.is_empty(), "{uid}: {} shows nothing", panel.title);
        }
    }
    promtool::expressions_are_valid(&documents::shown());
}

/// The one test that needs the platform: it makes each thing happen, and looks at what is measured of it.
#[tokio::test]
async fn what_is_shown_and_what_rings_is_measured() {
    let (ingress, deployer) = story::told().await;
    let scrapes = [&ingress, &deployer];

    for (service, scrape) in [("ingress", &ingress), ("deployer", &deployer)] {
        promtool::metrics_are_named_well(service, scrape);
        assert_eq!(scrape.without_help(), Vec::<&str>::new(), "{service}: no help text");
    }
    let queries = documents::shown().into_iter().chain(documents::watched());
    let complaints: Vec<_> =
        queries.flat_map(|query| names::complaints(&query, &scrapes)).collect();
    assert_eq!(complaints, Vec::<String>::new());
    documents::table_is_current(&ingress, &deployer);
}

/// Both services' metrics as one.
fn all(scrapes: &[&Scrape; 2], name: &str) -> Vec<scrape::Series> {
    scrapes.iter().flat_map(|scrape| scrape.series(name)).cloned().collect()
}

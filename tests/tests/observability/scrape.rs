//! What `GET /metrics` answers, read as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};

use super::promql::{Named, Selector};

/// One series: its labels and value.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
}

/// All that a process measures.
#[derive(Debug)]
pub(super) struct Scrape {
    pub(super) text: String,
    series: BTreeMap<String, Vec<Series>>,
    help: BTreeMap<String, String>,
}

impl Scrape {
    /// Asks the process at `address`.
    pub(super) async fn of(address: &str) -> Self {
        let http = e2e::api::http_client().unwrap();
        let answer = http.get(format!("http://{address}/metrics")).send().await.unwrap();
        let answer = answer.error_for_status().unwrap();
        let format = answer.headers()["content-type"].to_str().unwrap();
        assert!(format.starts_with("text/plain; version=0.0.4"), "{format}");
        Self::read(answer.text().await.unwrap())
    }

    /// Reads an answer.
    pub(super) fn read(text: String) -> Self {
        let (mut series, mut help) = (BTreeMap::<_, Vec<_>>::new(), BTreeMap::new());
        for line in text.lines() {
            if let Some(line) = line.strip_prefix("# HELP ") {
                let (name, words) = line.split_once(' ').unwrap_or((line, ""));
                help.insert(name.to_owned(), words.to_owned());
            } else if !line.starts_with('#') {
                let (left, value) = line.rsplit_once(' ').unwrap();
                let Selector { metric, matchers } = Named::of(left).selectors.remove(0);
                let labels = matchers.into_iter().map(|it| (it.label, it.value)).collect();
                let value = value.parse().unwrap();
                series.entry(metric).or_default().push(Series { labels, value });
            }
        }
        Self { text, series, help }
    }

    /// The series of this name.
    pub(super) fn series(&self, name: &str) -> &[Series] {
        self.series.get(name).map_or(&[], Vec::as_slice)
    }

    /// The sum of what a selector selects; nothing when there is no such series.
    pub(super) fn sum(&self, selector: &str) -> Option<f64> {
        let Selector { metric, matchers } = Named::of(selector).selectors.remove(0);
        let meets = |series: &&Series| {
            matchers.iter().all(|it| series.labels.get(&it.label) == Some(&it.value))
        };
        let values: Vec<_> = self.series(&metric).iter().filter(meets).map(|it| it.value).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// Metrics, a histogram's series under its own name, with their help text.
    pub(super) fn metrics(&self) -> &BTreeMap<String, String> {
        &self.help
    }

    /// The labels of a metric's series, those of its buckets excepted.
    pub(super) fn labels(&self, metric: &str) -> BTreeSet<&str> {
        let names = ["", "_count"].map(|end| format!("{metric}{end}"));
        let series = names.iter().flat_map(|name| self.series(name));
        series.flat_map(|series| series.labels.keys().map(String::as_str)).collect()
    }

    /// Series without a help text.
    pub(super) fn without_help(&self) -> Vec<&str> {
        let has_help = |name: &str| {
            let ends = ["", "_bucket", "_sum", "_count"];
            let mut metrics = ends.iter().filter_map(|end| name.strip_suffix(end));
            metrics.any(|metric| self.help.get(metric).is_some_and(|help| !help.is_empty()))
        };
        self.series.keys().map(String::as_str).filter(|name| !has_help(name)).collect()
    }
}

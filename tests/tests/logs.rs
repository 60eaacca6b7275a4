//! An app's timeline: the events of its deploys, what its builds say and what it says itself, over REST.

mod kept;
mod read;
mod resumed;

use std::time::Duration;

use e2e::harness::{LinkedApp, Options, Platform};
use reqwest::Response;
use serde_json::{Value, json};

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Lines that each container of the stand-in writes when it begins.
pub(crate) const BURST: usize = 7;

/// An event of the stream.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) id: String,
    pub(crate) line: Value,
}

impl Told {
    pub(crate) fn text(&self) -> &str {
        self.line["text"].as_str().unwrap()
    }

    pub(crate) fn source(&self) -> &str {
        self.line["source"].as_str().unwrap()
    }

    pub(crate) fn origin(&self) -> &str {
        self.line["origin"].as_str().unwrap()
    }
}

/// Somebody who reads a timeline.
pub(crate) struct Reader {
    answer: Response,
    /// What has arrived of an event that is not whole.
    text: String,
}

impl Reader {
    pub(crate) async fn open(platform: &Platform, app: &LinkedApp, query: &str) -> Self {
        let path = format!("/v1/apps/{}/logs?{query}", app.id);
        let answer = ask(platform, &path, None).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        Self { answer, text: String::new() }
    }

    /// The next line; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let told = parse(event);
                let rest = rest.to_owned();
                self.text = rest;
                if told.is_some() {
                    return told;
                }
            } else {
                let chunk = tokio::time::timeout(PATIENCE, self.answer.chunk()).await.unwrap();
                self.text += std::str::from_utf8(&chunk.unwrap()?).unwrap();
            }
        }
    }

    /// All lines up to the first that is wanted, and that one.
    pub(crate) async fn until(&mut self, wanted: impl Fn(&Told) -> bool) -> Vec<Told> {
        let mut lines = Vec::new();
        loop {
            let line = self.next().await;
            lines.push(line.unwrap_or_else(|| panic!("it ended after {lines:#?}")));
            if lines.last().is_some_and(&wanted) {
                return lines;
            }
        }
    }

    /// All lines up to the end of the stream.
    pub(crate) async fn into_lines(mut self) -> Vec<Told> {
        let mut lines = Vec::new();
        while let Some(line) = self.next().await {
            lines.push(line);
        }
        lines
    }
}

/// One event; nothing for a comment.
fn parse(event: &str) -> Option<Told> {
    let field = |name: &str| event.lines().find_map(|line| line.strip_prefix(name));
    match field("event: ")? {
        "log" => Some(Told {
            id: field("id: ").unwrap().to_owned(),
            line: serde_json::from_str(field("data: ").unwrap()).unwrap(),
        }),
        _ => panic!("broken off: {event}"),
    }
}

pub(crate) async fn ask(platform: &Platform, path: &str, last: Option<&str>) -> Response {
    let url = format!("{}{path}", platform.api.url());
    let request = e2e::api::http_client().unwrap().get(url).timeout(PATIENCE);
    let request =
        last.map_or(request.try_clone().unwrap(), |last| request.header("last-event-id", last));
    request.bearer_auth(&platform.wiring().keys.api_token).send().await.unwrap()
}

/// All that is there.
pub(crate) async fn all(platform: &Platform, app: &LinkedApp) -> Vec<Told> {
    Reader::open(platform, app, "tail=10000").await.into_lines().await
}

/// A platform whose containers write some lines, and builds long enough to be watched.
pub(crate) async fn platform() -> Platform {
    let options = Options { build: Duration::from_millis(400), ..Options::default() };
    let platform = Platform::start_with(options).await.unwrap();
    platform.switch(json!({ "logs": { "lines": BURST } })).await.unwrap();
    platform
}

pub(crate) fn of<'a>(lines: &'a [Told], source: &str) -> Vec<&'a Told> {
    lines.iter().filter(|line| line.source() == source).collect()
}

pub(crate) fn texts<'a>(lines: &[&'a Told]) -> Vec<&'a str> {
    lines.iter().map(|line| line.text()).collect()
}

/// Each container's burst is there once, whole and in order.
pub(crate) fn assert_whole(lines: &[&Told], burst: usize) {
    let mut origins: Vec<_> = lines.iter().map(|line| line.origin()).collect();
    origins.sort_unstable();
    origins.dedup();
    assert!(!origins.is_empty(), "no lines");
    let expected: Vec<_> = (1..=burst).map(|n| format!("line {n} of {burst}")).collect();
    for origin in origins {
        let of_origin = lines.iter().filter(|line| line.origin() == origin);
        let told: Vec<_> =
            of_origin.map(|line| line.text()).filter(|text| text.starts_with("line ")).collect();
        assert_eq!(told, expected, "{origin}");
    }
}

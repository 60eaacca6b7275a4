//! Reading the recordings, and what is taken out before two objects are compared.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

/// One recorded request with its answer.
pub(crate) struct Exchange {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) content_type: Option<String>,
    pub(crate) body: String,
    pub(crate) status: u16,
    /// The answer's body, a JSON document a line.
    pub(crate) answer: String,
}

pub(crate) fn text(name: &str) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recordings").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One recorded version of an object.
pub(crate) fn object(name: &str) -> Value {
    serde_json::from_str(&text(name)).unwrap()
}

/// A recorded request with its answer.
pub(crate) fn exchange(name: &str) -> Exchange {
    let text = text(&format!("http/{name}.txt"));
    let (request, answer) = text.split_once("--- ").unwrap();
    let (head, body) = request.split_once("\n\n").unwrap();
    let (line, headers) = head.split_once('\n').unwrap_or((head, ""));
    let (method, path) = line.split_once(' ').unwrap();
    let content_type = headers.lines().find_map(|line| line.strip_prefix("Content-Type: "));
    let (answer_head, answer) = answer.split_once("\n\n").unwrap();
    Exchange {
        method: method.to_owned(),
        path: path.to_owned(),
        content_type: content_type.map(str::to_owned),
        body: body.trim().to_owned(),
        status: answer_head.split(' ').next().unwrap().parse().unwrap(),
        answer: answer.to_owned(),
    }
}

/// The objects of a recorded watch with their event types.
pub(crate) fn watch(name: &str) -> Vec<(String, Value)> {
    let lines = exchange(name).answer;
    let events = lines.lines().filter(|line| !line.is_empty());
    events.map(|line| event(&serde_json::from_str(line).unwrap())).collect()
}

pub(crate) fn event(event: &Value) -> (String, Value) {
    (event["type"].as_str().unwrap().to_owned(), event["object"].clone())
}

/// An object without what differs from server to server: times, versions, uids, addresses and hashes.
pub(crate) fn comparable(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let entries = map.iter().map(|(name, value)| (name.clone(), field(name, value)));
            entries.collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(items) => items.iter().map(comparable).collect(),
        Value::String(text) => comparable_text(text).into(),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn field(name: &str, value: &Value) -> Value {
    match name {
        "uid" | "resourceVersion" | "clusterIP" => json!("…"),
        "clusterIPs" => json!(["…"]),
        _ => comparable(value),
    }
}

fn comparable_text(text: &str) -> String {
    if text.parse::<jiff::Timestamp>().is_ok() {
        return "TIME".to_owned();
    }
    if let Some(hash) = text.strip_prefix("sha256:") {
        return if hash.bytes().all(|c| c.is_ascii_hexdigit()) { "DIGEST" } else { text }
            .to_owned();
    }
    // `ReplicaSet "web-6c6c56b4ff" is progressing.`
    match text.split_once("eplica").and_then(|_| text.split_once("\"web-")) {
        Some((head, tail)) => {
            let end = tail.find('"').unwrap();
            format!("{head}\"web-HASH{}", &tail[end..])
        }
        None => text.to_owned(),
    }
}

/// Without who owns what, for recordings that left it out.
pub(crate) fn without_managers(mut object: Value) -> Value {
    object["metadata"].as_object_mut().unwrap().remove("managedFields");
    object
}

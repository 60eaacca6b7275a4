//! A message for people to look at: as much of it as can be read, and no more than can be looked at.

use paas_proto::events::{BuildReport, BuildReportOrigin, Place, Provider, PushEvent};
use prost::Message as _;
use prost_types::Timestamp;
use serde_json::{Map, Value, json};

use crate::inbound::Queue;

/// Of a text, in characters.
const TEXT: usize = 500;
/// Of a list.
const ENTRIES: usize = 20;
/// Of a text that stands in a line beside others.
const SHORT: usize = 100;

/// What can be read of a push: every field up to the first that cannot.
pub(super) fn partly(payload: &[u8]) -> PushEvent {
    let mut event = PushEvent::default();
    // What was read before the mistake stays.
    let _ = event.merge(payload);
    event
}

/// A text for a line: without what could make more than one of it.
pub(super) fn short(text: &str) -> String {
    let printable = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    cut(&text.chars().take(SHORT + 1).map(printable).collect::<String>(), SHORT)
}

/// The fields of a message that are set, as a JSON object; `None` when nothing can be read.
pub(super) fn decoded(queue: Queue, payload: &[u8]) -> Option<String> {
    let mut fields = match queue {
        Queue::Pushes => push(&partly(payload)),
        Queue::Builds => build(payload),
    };
    fields.retain(|_, value| !is_unset(value));
    (!fields.is_empty()).then(|| Value::Object(fields).to_string())
}

fn push(event: &PushEvent) -> Map<String, Value> {
    let provider = Provider::try_from(event.provider).map(Provider::name);
    let paths: Vec<String> =
        event.changed_paths.iter().take(ENTRIES).map(|path| cut(path, TEXT)).collect();
    object([
        ("deploy_id", text(&event.deploy_id)),
        ("app_id", text(&event.app_id)),
        ("provider", name(event.provider, provider.ok())),
        ("repo_full_name", text(&event.repo_full_name)),
        ("repo_id", json!(event.repo_id)),
        ("branch", text(&event.branch)),
        ("before", text(&event.before)),
        ("after", text(&event.after)),
        ("pushed_at", json!(event.pushed_at)),
        ("identity", text(&event.identity)),
        ("attempt", json!(event.attempt)),
        ("original_place", place(event.original_place)),
        ("delivery_id", text(&event.delivery_id)),
        ("received_at", time(event.received_at)),
        ("clone_url", text(&event.clone_url)),
        ("changed_paths", json!(paths)),
        ("paths_truncated", json!(event.paths_truncated || event.changed_paths.len() > ENTRIES)),
    ])
}

fn build(payload: &[u8]) -> Map<String, Value> {
    let mut report = BuildReport::default();
    // As with a push.
    let _ = report.merge(payload);
    let origin = BuildReportOrigin::try_from(report.origin).map(|origin| origin.as_str_name());
    object([
        ("app_id", text(&report.app_id)),
        ("deploy_id", text(&report.deploy_id)),
        ("origin", name(report.origin, origin.ok())),
        ("received_at", time(report.received_at)),
    ])
}

fn object<const N: usize>(fields: [(&str, Value); N]) -> Map<String, Value> {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The wire does not tell these from absent fields.
fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(set) => !set,
        Value::Number(number) => number.as_u64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(entries) => entries.is_empty(),
        Value::Object(_) => false,
    }
}

fn text(text: &str) -> Value {
    Value::String(cut(text, TEXT))
}

/// The number where this version knows no name for it.
fn name(number: i32, name: Option<&str>) -> Value {
    match name {
        Some(_) if number == 0 => Value::Null,
        Some(name) => json!(name),
        None => json!(number),
    }
}

fn place(place: Option<Place>) -> Value {
    place.map_or(Value::Null, |place| json!({ "epoch": place.epoch, "sequence": place.sequence }))
}

fn time(at: Option<Timestamp>) -> Value {
    let read = |at: Timestamp| jiff::Timestamp::new(at.seconds, at.nanos).ok();
    at.and_then(read).map_or(Value::Null, |at| json!(at.to_string()))
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> PushEvent {
        PushEvent {
            deploy_id: "7".to_owned(),
            provider: Provider::Gitlab.into(),
            branch: "main\0".to_owned(),
            changed_paths: vec!["x".repeat(TEXT * 2); ENTRIES * 2],
            ..PushEvent::default()
        }
    }

    fn shown(payload: &[u8]) -> Value {
        serde_json::from_str(&decoded(Queue::Pushes, payload).unwrap()).unwrap()
    }

    #[test]
    fn what_is_set_is_shown() {
        let event = PushEvent { changed_paths: Vec::new(), ..event() };
        let expected = json!({ "deploy_id": "7", "provider": "gitlab", "branch": "main\0" });
        assert_eq!(shown(&event.encode_to_vec()), expected);
    }

    #[test]
    fn a_truncated_message_is_shown_up_to_where_it_breaks_off() {
        let bytes = PushEvent { branch: "main".to_owned(), ..event() }.encode_to_vec();
        let until_branch = bytes.windows(4).position(|four| four == b"main").unwrap();
        assert_eq!(
            shown(&bytes[..until_branch + 2]),
            json!({ "deploy_id": "7", "provider": "gitlab" })
        );
    }

    #[test]
    fn what_cannot_be_read_is_nothing() {
        assert_eq!(decoded(Queue::Pushes, &[0xff; 300]), None);
        assert_eq!(decoded(Queue::Builds, b""), None);
    }

    #[test]
    fn long_texts_and_lists_are_cut() {
        let shown = shown(&event().encode_to_vec());
        let paths = shown["changed_paths"].as_array().unwrap();
        assert_eq!(paths.len(), ENTRIES);
        assert_eq!(paths[0].as_str().unwrap().chars().count(), TEXT + 1);
        assert_eq!(shown["paths_truncated"], true);
    }

    #[test]
    fn a_text_in_a_line_stays_in_it() {
        assert_eq!(short("ma\nin\u{1b}[2J"), "ma\u{fffd}in\u{fffd}[2J");
        assert_eq!(short(&"é".repeat(SHORT * 3)).chars().count(), SHORT + 1);
    }

    #[test]
    fn an_unheard_of_provider_is_shown_by_its_number() {
        let event = PushEvent { provider: 77, ..PushEvent::default() };
        assert_eq!(shown(&event.encode_to_vec()), json!({ "provider": 77 }));
    }

    #[test]
    fn word_of_a_build_is_shown() {
        let report = BuildReport { app_id: "a".to_owned(), origin: 1, ..BuildReport::default() };
        let shown: Value =
            serde_json::from_str(&decoded(Queue::Builds, &report.encode_to_vec()).unwrap())
                .unwrap();
        assert_eq!(shown, json!({ "app_id": "a", "origin": "BUILD_REPORT_ORIGIN_CALLBACK" }));
    }
}

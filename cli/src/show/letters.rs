//! Dead letters: a table of many, and one with its content.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use comfy_table::Cell;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::{block, lines, plain, short, table, time};
use crate::model::{DeadLetter, OpenedLetter, Retried};

const LONGEST_REASON: usize = 80;
/// Of what cannot be read, only so much is shown to people.
const BYTES_SHOWN: usize = 256;
const BYTES_A_LINE: usize = 16;

/// A row a letter.
pub(crate) fn list(letters: &[DeadLetter], zone: &TimeZone) -> String {
    if letters.is_empty() {
        return "No dead letters.\n".to_owned();
    }
    let head = ["id", "recorded", "state", "message", "app", "reason"];
    table::of(&head, letters.iter().map(|letter| row(letter, zone)))
}

fn row(letter: &DeadLetter, zone: &TimeZone) -> Vec<Cell> {
    vec![
        Cell::new(letter.id),
        Cell::new(time::moment(letter.recorded_at, zone)),
        Cell::new(plain(&letter.state)),
        Cell::new(place(letter)),
        Cell::new(plain(letter.app_id.as_deref().unwrap_or("-"))),
        Cell::new(short(&letter.reason, LONGEST_REASON)),
    ]
}

fn place(letter: &DeadLetter) -> String {
    format!("{} #{}", plain(&letter.stream), letter.sequence)
}

/// One with its content: what can be read of it, else its bytes.
pub(crate) fn one(opened: &OpenedLetter, zone: &TimeZone) -> String {
    let letter = &opened.letter;
    let mut fields = vec![
        ("dead letter", letter.id.to_string()),
        ("state", plain(&letter.state)),
        ("reason", plain(&letter.reason)),
        ("message", place(letter)),
        ("subject", plain(&letter.subject)),
    ];
    fields.extend(letter.app_id.as_deref().map(|app| ("app", plain(app))));
    fields.extend(letter.message_id.as_deref().map(|id| ("message id", plain(id))));
    fields.push(("delivered", format!("{} times", letter.deliveries)));
    fields.push(("recorded", time::moment(letter.recorded_at, zone)));
    if let Some(by) = &letter.settled_by {
        fields.push((
            "settled",
            format!("{} by {}", time::moment(letter.settled_at, zone), plain(by)),
        ));
    }
    format!("{}\n{}", block(&fields), content(opened))
}

fn content(opened: &OpenedLetter) -> String {
    match &opened.decoded {
        // Whatever moves the cursor is escaped in JSON, but for what turns the writing around.
        Some(decoded) if !decoded.is_null() => pretty(decoded),
        _ => {
            let raw = BASE64_STANDARD.decode(&opened.raw_base64).unwrap_or_default();
            let size = opened.raw_size.unwrap_or(raw.len() as u64);
            format!("{size} bytes that cannot be read:\n{}", bytes(&raw))
        }
    }
}

fn pretty(json: &Value) -> String {
    let text = serde_json::to_string_pretty(json).unwrap_or_default();
    lines(text.lines().map(plain))
}

/// Sixteen a line, as numbers and as characters.
fn bytes(raw: &[u8]) -> String {
    let line = |line: &[u8]| {
        let numbers: Vec<_> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' };
        let characters: String = line.iter().map(shown).collect();
        format!("{:<50}{characters}", numbers.join(" "))
    };
    let rest = (raw.len() > BYTES_SHOWN).then(|| "… (--json gives all that is kept)".to_owned());
    lines(raw.chunks(BYTES_A_LINE).take(BYTES_SHOWN / BYTES_A_LINE).map(line).chain(rest))
}

/// What became of one that was tried again.
pub(crate) fn retried(id: u64, retried: &Retried) -> String {
    let known = retried.outcome == "already_recorded";
    let done = if known { "was on record already" } else { "is taken in" };
    match &retried.deploy_id {
        Some(deploy) => {
            let deploy = plain(deploy);
            format!("Dead letter {id} {done}; follow it with: paas deploy watch {deploy}\n")
        }
        None => format!("Dead letter {id} {done}.\n"),
    }
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;
    use serde_json::json;

    use super::*;

    fn letter(id: u64) -> DeadLetter {
        DeadLetter {
            id,
            stream: "PUSHES".to_owned(),
            sequence: 40 + id,
            subject: "paas.pushes.x".to_owned(),
            app_id: (id == 1).then(|| "00000000-0000-0000-0000-000000000002".to_owned()),
            message_id: None,
            deliveries: 5,
            reason: format!("the commit is none{}", " at all".repeat(20)),
            recorded_at: Some("2026-11-23T10:00:00Z".parse().unwrap()),
            state: "waiting".to_owned(),
            settled_by: None,
            settled_at: None,
        }
    }

    fn opened(decoded: Option<Value>, raw: &[u8]) -> OpenedLetter {
        let raw_base64 = BASE64_STANDARD.encode(raw);
        OpenedLetter { letter: letter(1), decoded, raw_base64, raw_size: Some(raw.len() as u64) }
    }

    #[test]
    fn a_list_has_a_row_a_letter() {
        let text = list(&[letter(2), letter(1)], &TimeZone::UTC);
        assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
        assert_eq!(list(&[], &TimeZone::UTC), "No dead letters.\n");
    }

    #[test]
    fn a_letter_shows_what_can_be_read_of_it() {
        let decoded = Some(json!({ "branch": "main\u{1b}[2J", "after": "5f3e" }));
        assert_snapshot!(one(&opened(decoded, b"x"), &TimeZone::UTC));
    }

    #[test]
    fn what_cannot_be_read_is_shown_as_bytes() {
        let raw: Vec<u8> = (0..=255).chain(0..10).collect();
        let text = one(&opened(None, &raw), &TimeZone::UTC);
        assert!(text.contains("266 bytes that cannot be read"), "{text}");
        assert!(
            text.contains("50 51 52 53 54 55 56 57 58 59 5a 5b 5c 5d 5e 5f   PQRSTUVWXYZ[\\]^_"),
            "{text}"
        );
        assert!(text.ends_with("gives all that is kept)\n") && !text.contains('\x1b'), "{text}");
    }
}

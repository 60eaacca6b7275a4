//! Text for people, made of what the platform says.

pub(crate) mod access;
pub(crate) mod apps;
pub(crate) mod connections;
pub(crate) mod deliveries;
pub(crate) mod deploys;
pub(crate) mod health;
pub(crate) mod letters;
pub(crate) mod links;
pub(crate) mod logs;
pub(crate) mod releases;
pub(crate) mod replays;
pub(crate) mod table;
pub(crate) mod time;

use anstyle::{AnsiColor, Style};

use crate::model::State;

/// Text from elsewhere as it can be put on a terminal: in one line, and moving no cursor.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if is_harmless(c) { c } else { ' ' }).collect()
}

fn is_harmless(c: char) -> bool {
    // Those that turn the direction of writing around could make one name look like another.
    !c.is_control() && !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The same, cut to a length that leaves room for others.
pub(crate) fn short(text: &str, longest: usize) -> String {
    let text = plain(text);
    if text.chars().count() <= longest {
        return text;
    }
    let cut: String = text.chars().take(longest.saturating_sub(1)).collect();
    format!("{cut}…")
}

/// Lines, each with its end.
pub(crate) fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().fold(String::new(), |text, line| text + &line + "\n")
}

/// Names and values, a pair a line.
pub(crate) fn block(fields: &[(&str, String)]) -> String {
    let longest = fields.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let width = (longest + 2).max(12);
    lines(fields.iter().map(|(name, value)| format!("{name:<width$}{value}")))
}

/// A commit as people write it.
pub(crate) fn commit(sha: &str) -> String {
    plain(sha).chars().take(7).collect()
}

/// A name of the protocol as people write it.
pub(crate) fn words(name: &str) -> String {
    plain(name).replace('_', " ")
}

/// How a state looks.
pub(crate) fn style_of(state: &State) -> Style {
    let colour = match state {
        live if live.is_live() => AnsiColor::Green,
        bad if bad.is_bad() => AnsiColor::Red,
        aside if aside.is_beside_the_point() => AnsiColor::BrightBlack,
        _ => AnsiColor::Yellow,
    };
    Style::new().fg_color(Some(colour.into()))
}

/// Text in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_write_moves_no_cursor() {
        assert_eq!(plain("a\x1b[31mb\nc\td\u{202e}e"), "a [31mb c d e");
        assert_eq!(plain("Grüße ✓"), "Grüße ✓");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(short("12345", 5), "12345");
        assert_eq!(short("123456", 5), "1234…");
        assert_eq!(commit("5f3e2a1b0c"), "5f3e2a1");
        assert_eq!(words("rolling_out"), "rolling out");
    }
}

//! Lines of a log: when, from where, what.

use anstream::adapter::strip_str;
use anstyle::{AnsiColor, Style};
use jiff::tz::TimeZone;

use super::{plain, styled, time};
use crate::model::LogLine;

/// A line, its source in a colour of its own. What a program wrote loses its own colours: they could hide something.
pub(crate) fn line(line: &LogLine, zone: &TimeZone) -> String {
    // What happened to a deploy says its text already.
    let from = match (line.source.as_str(), line.origin.as_str()) {
        ("deploy", _) | (_, "") => format!("{:6}", plain(&line.source)),
        (source, origin) => format!("{:6} {}", plain(source), plain(origin)),
    };
    let text = strip_str(&line.text.replace('\t', "    ")).to_string();
    let clock = time::clock(line.at, zone);
    format!("{clock} {} {}\n", styled(style(&line.source), &(from + " |")), plain(&text))
}

fn style(source: &str) -> Style {
    let colour = match source {
        "deploy" => AnsiColor::Cyan,
        "build" => AnsiColor::Yellow,
        "app" => AnsiColor::Green,
        _ => AnsiColor::BrightBlack,
    };
    Style::new().fg_color(Some(colour.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str, origin: &str, text: &str) -> String {
        let at = Some("2026-11-23T10:00:00Z".parse().unwrap());
        let (source, origin, text) = (source.to_owned(), origin.to_owned(), text.to_owned());
        line(&LogLine { at, source, deploy_id: None, origin, text }, &TimeZone::UTC)
    }

    #[test]
    fn a_line_says_when_and_from_where() {
        let plain = |text: &str| strip_str(text).to_string();
        assert_eq!(plain(&told("deploy", "went_live", "live")), "10:00:00 deploy | live\n");
        let build = plain(&told("build", "clone/fetch", "HEAD is now\tat 5f3e2a1"));
        assert_eq!(build, "10:00:00 build  clone/fetch | HEAD is now    at 5f3e2a1\n");
        assert_ne!(
            told("app", "web-1", "x").split("web").next(),
            told("build", "web-1", "x").split("web").next()
        );
    }

    #[test]
    fn what_a_program_wrote_moves_no_cursor_and_has_no_colours() {
        let told = told("app", "web\x1b[1A", "\x1b[31mred\x1b[0m\x1b[2J\rover\u{202e}");
        assert!(told.ends_with("red over \n"), "{told:?}");
        assert_eq!(told.matches('\x1b').count(), 2, "only ours: {told:?}");
    }
}

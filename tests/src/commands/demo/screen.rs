//! How the demo looks on a terminal; colours go away by themselves where there is none.

use std::{path::Path, time::Duration};

use anstream::println;
use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, Color, Table, presets::UTF8_FULL_CONDENSED};

use super::cases::Case;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const CYAN: Style = AnsiColor::Cyan.on_default();
const GREEN: Style = AnsiColor::Green.on_default().bold();
const RED: Style = AnsiColor::Red.on_default().bold();
const YELLOW: Style = AnsiColor::Yellow.on_default();

/// The name of the whole.
pub(super) fn title(text: &str) {
    println!("\n{BOLD}{text}{BOLD:#}");
}

/// The beginning of a chapter.
pub(super) fn chapter(text: &str) {
    println!("\n{BOLD}{CYAN}▸ {text}{CYAN:#}{BOLD:#}");
}

/// Something to know.
pub(super) fn note(text: &str) {
    println!("  {DIM}{text}{DIM:#}");
}

/// Something to worry about.
pub(super) fn warning(text: &str) {
    println!("  {YELLOW}{text}{YELLOW:#}");
}

/// Something that happened, so long after the push.
pub(super) fn event(after: Duration, what: &str, details: &str) {
    let style = match what {
        "went_live" => GREEN,
        "failed" | "401" => RED,
        _ => CYAN,
    };
    println!("  {DIM}{:>7.2} s{DIM:#}  {style}{what:<16}{style:#} {details}", after.as_secs_f64());
}

/// What a program said.
pub(super) fn said(line: &str) {
    println!("  {DIM}│{DIM:#} {line}");
}

/// All cases, expected against seen.
pub(super) fn summary(cases: &[Case]) {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(["case", "expected", "seen", ""]);
    for case in cases {
        let (mark, color) = if case.holds() { ("✓", Color::Green) } else { ("✗", Color::Red) };
        table.add_row([
            Cell::new(case.act),
            Cell::new(&case.expected),
            Cell::new(&case.seen),
            Cell::new(mark).fg(color),
        ]);
    }
    println!("\n{table}");
}

/// The end of every log: for whoever asks why.
pub(super) fn logs(folder: &Path) {
    for (path, end) in e2e::process::ends_of_logs(folder) {
        println!("{DIM}--- {}{DIM:#}\n{end}", path.display());
    }
}

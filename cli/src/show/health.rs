//! What has to be right for a push to go live: a line a check, and what to do about it.

use anstyle::{AnsiColor, Style};

use super::{lines, plain, styled, words};
use crate::model::{Check, Health};

/// All checks, and what they come to.
pub(crate) fn all(health: &Health) -> String {
    let width = health.checks.iter().map(|check| check.name.chars().count()).max().unwrap_or(0);
    let checks = health.checks.iter().flat_map(|check| told(check, width));
    let sum = if health.healthy { "Healthy: a push goes live." } else { "Not healthy: see above." };
    lines(checks.chain([sum.to_owned()]))
}

fn told(check: &Check, width: usize) -> Vec<String> {
    let (mark, colour) = mark(&check.state);
    let style = Style::new().fg_color(Some(colour.into()));
    let name = words(&check.name);
    let mut told =
        vec![format!("{}  {name:width$}  {}", styled(style, mark), plain(&check.message))];
    let fix = check.fix.as_deref().filter(|_| check.state != "ok");
    told.extend(fix.map(|fix| format!("{:9}{:width$}  → {}", "", "", plain(fix))));
    told
}

/// As wide as each other, and to be told apart without colours.
fn mark(state: &str) -> (&'static str, AnsiColor) {
    match state {
        "ok" => ("ok     ", AnsiColor::Green),
        "warning" => ("warning", AnsiColor::Yellow),
        "problem" => ("problem", AnsiColor::Red),
        _ => ("unknown", AnsiColor::BrightBlack),
    }
}

//! How a tenant stands with each provider.

use comfy_table::{Cell, Color};
use jiff::tz::TimeZone;

use super::{plain, short, table, time, words};
use crate::model::Connection;

const LONGEST_PROBLEM: usize = 80;

/// A row a provider.
pub(crate) fn list(all: &[Connection], zone: &TimeZone) -> String {
    let head = ["provider", "state", "account", "by", "kind", "connected", "expires", "problem"];
    table::of(&head, all.iter().map(|connection| row(connection, zone)))
}

fn row(connection: &Connection, zone: &TimeZone) -> Vec<Cell> {
    let text = |text: &Option<String>| plain(text.as_deref().unwrap_or("-"));
    let (state, colour) = state(connection);
    vec![
        Cell::new(plain(&connection.provider)),
        Cell::new(state).fg(colour),
        Cell::new(text(&connection.account)),
        Cell::new(text(&connection.connected_by)),
        Cell::new(words(connection.kind.as_deref().unwrap_or("-"))),
        Cell::new(time::moment(connection.connected_at, zone)),
        Cell::new(time::moment(connection.expires_at, zone)),
        Cell::new(short(connection.problem.as_deref().unwrap_or_default(), LONGEST_PROBLEM)),
    ]
}

fn state(connection: &Connection) -> (&'static str, Color) {
    match connection {
        Connection { problem: Some(_), .. } => ("refused", Color::Red),
        Connection { connected: true, .. } => ("connected", Color::Green),
        Connection { configured: true, .. } => ("not connected", Color::Yellow),
        Connection { .. } => ("not set up", Color::DarkGrey),
    }
}

/// One that was just connected.
pub(crate) fn connected(connection: &Connection) -> String {
    let account = connection.account.as_deref().map(|account| format!(" as {}", plain(account)));
    let trouble = connection.problem.as_deref().map(|problem| format!("But: {}\n", plain(problem)));
    format!(
        "Connected to {}{}.\n{}",
        plain(&connection.provider),
        account.unwrap_or_default(),
        trouble.unwrap_or_default()
    )
}

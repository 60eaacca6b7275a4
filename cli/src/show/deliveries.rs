//! What a provider sent, and what was made of it.

use comfy_table::{Cell, Color};
use jiff::tz::TimeZone;

use super::{commit, plain, short, table, time};
use crate::model::Delivery;

/// A row a delivery.
pub(crate) fn list(deliveries: &[Delivery], zone: &TimeZone) -> String {
    if deliveries.is_empty() {
        return "No deliveries. What is not signed with the app's secret is not listed: paas git health <app>\n"
            .to_owned();
    }
    let head = ["received", "origin", "event", "commit", "branch", "verdict", "deploy", "secret"];
    table::of(&head, deliveries.iter().map(|delivery| row(delivery, zone)))
}

fn row(delivery: &Delivery, zone: &TimeZone) -> Vec<Cell> {
    let origin = format!("{} {}", plain(&delivery.provider), plain(&delivery.origin));
    let deploy = delivery.deploy_id.map_or_else(|| "-".to_owned(), |id| id.to_string());
    vec![
        Cell::new(time::moment(delivery.received_at, zone)),
        Cell::new(origin),
        Cell::new(short(delivery.event.as_deref().unwrap_or("-"), 30)),
        Cell::new(commit(delivery.sha.as_deref().unwrap_or("-"))),
        Cell::new(short(delivery.branch.as_deref().unwrap_or("-"), 30)),
        Cell::new(plain(&delivery.verdict)).fg(colour(&delivery.verdict)),
        Cell::new(deploy),
        Cell::new(plain(delivery.secret.as_deref().unwrap_or("-"))),
    ]
}

/// What became a deploy stands out, and so does what should have.
fn colour(verdict: &str) -> Color {
    match verdict {
        "queued" => Color::Green,
        "malformed" | "unavailable" | "repository_mismatch" => Color::Red,
        _ => Color::DarkGrey,
    }
}

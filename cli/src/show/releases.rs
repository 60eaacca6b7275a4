//! Releases: what went live, and whether one can go back to it.

use comfy_table::{Cell, Color};
use jiff::tz::TimeZone;

use super::{commit, deploys::origin, plain, table, time};
use crate::model::Release;

/// A row a release.
pub(crate) fn list(releases: &[Release], zone: &TimeZone) -> String {
    if releases.is_empty() {
        return "No releases yet: nothing of this app has been live.\n".to_owned();
    }
    let head = ["release", "state", "released", "commit", "source", "by", "deploy", "image"];
    table::of(&head, releases.iter().map(|release| row(release, zone)))
}

fn row(release: &Release, zone: &TimeZone) -> Vec<Cell> {
    let (state, colour) = match release {
        Release { is_live: true, .. } => ("live", Color::Green),
        Release { is_available: true, .. } => ("available", Color::Yellow),
        Release { .. } => ("gone", Color::DarkGrey),
    };
    vec![
        Cell::new(plain(&release.name)),
        Cell::new(state).fg(colour),
        Cell::new(time::moment(release.released_at, zone)),
        Cell::new(commit(&release.sha)),
        Cell::new(origin(&release.source)),
        Cell::new(plain(release.requested_by.as_deref().unwrap_or("-"))),
        Cell::new(release.deploy_id),
        Cell::new(digest(&release.image)),
    ]
}

/// The image's digest, as far as it takes to tell one from another.
fn digest(image: &str) -> String {
    let digest = image.rsplit_once('@').map_or(image, |(_, digest)| digest);
    plain(digest).chars().take("sha256:".len() + 12).collect()
}

//! Apps: a table of many, and one with the repository that it follows.

use comfy_table::Cell;
use jiff::tz::TimeZone;

use super::{block, links, plain, table, time};
use crate::model::{App, AppDetails};

/// A row an app.
pub(crate) fn list(apps: &[App], zone: &TimeZone) -> String {
    if apps.is_empty() {
        return "No apps yet: paas apps create <name>\n".to_owned();
    }
    let row = |app: &App| {
        vec![
            Cell::new(plain(&app.name)),
            Cell::new(plain(app.url.as_deref().unwrap_or("-"))),
            Cell::new(time::moment(app.created_at, zone)),
            Cell::new(app.id),
        ]
    };
    table::of(&["name", "url", "created", "id"], apps.iter().map(row))
}

/// What to do with a new one.
pub(crate) fn created(app: &App) -> String {
    let (name, url) = (plain(&app.name), plain(app.url.as_deref().unwrap_or("its URL")));
    format!(
        "App {name} is made ({}); once it is live it answers at {url}\nNext: paas git link {name} <provider> <owner/name>\n",
        app.id
    )
}

/// All of one app.
pub(crate) fn one(details: &AppDetails, zone: &TimeZone) -> String {
    let app = &details.app;
    let mut fields = vec![("app", plain(&app.name)), ("id", app.id.to_string())];
    fields.extend(app.url.as_deref().map(|url| ("url", plain(url))));
    fields.push(("created", time::moment(app.created_at, zone)));
    let app = block(&fields);
    match &details.git_source {
        Some(source) => format!("{app}{}", links::fields(source)),
        None => format!("{app}It follows no repository yet: paas git link\n"),
    }
}

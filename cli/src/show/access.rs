//! Who somebody is to the platform, tokens and tenants, and who changed what.

use comfy_table::{Cell, Color};
use jiff::tz::TimeZone;

use super::{block, plain, short, table, time};
use crate::model::{AuditEntry, Tenant, Token, WhoAmI};

/// For whom the platform takes the caller.
pub(crate) fn who(me: &WhoAmI, zone: &TimeZone) -> String {
    let tenant = format!("{} ({})", plain(&me.tenant.name), me.tenant.id);
    let mut fields = vec![("tenant", tenant), ("you are", caller(me)), ("scope", plain(&me.scope))];
    if let Some(token) = &me.token {
        fields.push(("token", format!("{}… ({})", plain(&token.prefix), token.id)));
        let expires =
            token.expires_at.map_or_else(|| "never".to_owned(), |at| time::moment(Some(at), zone));
        fields.push(("expires", expires));
    }
    block(&fields)
}

fn caller(me: &WhoAmI) -> String {
    match &me.token {
        Some(token) => format!("token {}", plain(&token.name)),
        None => format!("the {}", plain(&me.actor)),
    }
}

/// What `login` came to.
pub(crate) fn welcome(me: &WhoAmI, url: &str, place: &str) -> String {
    format!(
        "Logged in to {} as {} of the tenant {} (scope {}).\nStored in {place}, for you only.\n",
        plain(url),
        caller(me),
        plain(&me.tenant.name),
        plain(&me.scope)
    )
}

/// A row a token.
pub(crate) fn tokens(tokens: &[Token], zone: &TimeZone) -> String {
    if tokens.is_empty() {
        return "No tokens yet: paas tokens create <name>\n".to_owned();
    }
    let head = ["name", "scope", "state", "token", "created", "by", "expires", "last used", "id"];
    let row = |token: &Token| {
        let (state, colour) = match token.revoked_at {
            Some(_) => ("revoked", Color::DarkGrey),
            None => ("valid", Color::Green),
        };
        let expired = token.expires_at.is_some_and(|at| at <= jiff::Timestamp::now());
        let (state, colour) = match state {
            "valid" if expired => ("expired", Color::Yellow),
            state => (state, colour),
        };
        vec![
            Cell::new(short(&token.name, 40)),
            Cell::new(plain(&token.scope)),
            Cell::new(state).fg(colour),
            Cell::new(format!("{}…", plain(&token.prefix))),
            Cell::new(time::moment(token.created_at, zone)),
            Cell::new(plain(token.created_by.as_deref().unwrap_or("-"))),
            Cell::new(time::moment(token.expires_at, zone)),
            Cell::new(time::moment(token.last_used_at, zone)),
            Cell::new(token.id),
        ]
    };
    table::of(&head, tokens.iter().map(row))
}

/// What goes beside a token that was just made.
pub(crate) fn made(token: &Token) -> String {
    format!(
        "Token {} (scope {}, id {}) is made. It is shown this once:",
        plain(&token.name),
        plain(&token.scope),
        token.id
    )
}

/// A row a tenant.
pub(crate) fn tenants(tenants: &[Tenant], zone: &TimeZone) -> String {
    let row = |tenant: &Tenant| {
        let created = time::moment(tenant.created_at, zone);
        vec![Cell::new(plain(&tenant.name)), Cell::new(created), Cell::new(tenant.id)]
    };
    table::of(&["name", "created", "id"], tenants.iter().map(row))
}

/// A row a change.
pub(crate) fn audit(entries: &[AuditEntry], zone: &TimeZone) -> String {
    if entries.is_empty() {
        return "Nothing was changed yet.\n".to_owned();
    }
    let head = ["at", "who", "did", "to what", "from", "status"];
    let row = |entry: &AuditEntry| {
        let status = entry.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
        vec![
            Cell::new(time::moment(entry.at, zone)),
            Cell::new(short(&entry.actor, 40)),
            Cell::new(short(&entry.action, 60)),
            Cell::new(short(entry.target.as_deref().unwrap_or("-"), 80)),
            Cell::new(plain(entry.client.as_deref().unwrap_or("-"))),
            Cell::new(status),
        ]
    };
    table::of(&head, entries.iter().map(row))
}

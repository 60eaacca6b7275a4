//! The words of the platform's API, and of our own JSON: programs read these shapes.

mod access;
mod apps;
mod audit;
mod deploys;
mod git;
mod letters;
mod list;
mod logs;
mod releases;
mod replays;
mod secret;

pub(crate) use self::{
    access::{NewTenant, NewToken, Scope, Tenant, Tenants, Token, Tokens, WhoAmI},
    apps::{App, AppDetails, Apps, NewApp},
    audit::{AuditEntries, AuditEntry},
    deploys::{Commanded, Deploy, Deploys, Event, State},
    git::{
        Authorization, Check, Connection, Connections, Credential, Deliveries, Delivery, Health,
        HookSettings, NewSource, Provider, RotatedSecret, Rotation, Source, Unlinked, Webhook,
    },
    letters::{DeadLetter, DeadLetters, Discarded, OpenedLetter, Retried},
    list::List,
    logs::{LogLine, LogSource},
    releases::{Release, Releases, RollBack},
    replays::{ReplayLine, ReplayOrder, Replayed, Summary},
    secret::Secret,
};

use serde::{Deserialize, Serialize};

/// What a command did, in a word.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) status: String,
}

/// Why the platform did not do it.
#[derive(Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) error: String,
}

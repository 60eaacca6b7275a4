//! The line store: every app's log of events in Postgres, and what goes with it.
//!
//! That is the state the log folds to, the summaries that people read, and the leases of those who work on a line. All SQL of the deployer stands in this folder and in `schema.rs`.

mod append;
mod backlog;
mod build_logs;
mod changes;
mod command;
mod connection;
mod durability;
mod error;
mod grants;
mod history;
mod inbox;
mod lease;
mod letter_box;
mod letters;
mod log;
mod notifications;
mod outbox;
mod projection;
mod read;
mod recheck;
mod releases;
mod removal;
mod sql;
mod survey;
mod take_in;
mod timeline;
mod transplant;

use std::time::Duration;

pub use backlog::Backlog;
pub(crate) use build_logs::{Followed, LogState, NewChunk};
pub use command::CommandError;
pub(crate) use connection::{Link, drive};
pub use connection::{Settings, Store};
pub use durability::Durability;
pub use error::Error;
pub use grants::{Role, Roles, grant};
pub use lease::{App, Leased, Next};
pub use letter_box::{LetterError, LetterFilter, StoredLetter};
pub use letters::{DeadLetter, Place};
pub use notifications::Notifications;
pub use outbox::{Outbox, Recorded};
pub use read::{DeployInputs, DeploySummary, EventSummary, InvalidPageToken, PageToken};
pub use recheck::Recheck;
pub use releases::ReleaseSummary;
pub use removal::RemovalError;
pub use survey::Survey;
pub use take_in::{Inbound, TakenIn};
pub(crate) use timeline::{Scope, StoredChunk, ToldEvent};

/// What one call may take, waiting for a connection included. The limits within are shorter; this one also holds when
/// the server says nothing at all.
const DEADLINE: Duration = Duration::from_secs(10);

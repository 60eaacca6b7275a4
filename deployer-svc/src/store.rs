//! The line store: every app's log of events in Postgres, the state that it folds to, the summaries that people read,
//! and the leases of those who work on a line. All SQL of the deployer stands in this folder and in `schema.rs`.

mod command;
mod connection;
mod error;
mod lease;
mod notifications;
mod read;
mod take_in;

use std::time::Duration;

pub use command::CommandError;
pub use connection::{Settings, Store};
pub use error::Error;
pub use lease::{App, Leased, Next};
pub use notifications::Notifications;
pub use read::{DeployInputs, DeploySummary, EventSummary, InvalidPageToken, PageToken};
pub use take_in::{Inbound, TakenIn};

/// What one call may take, waiting for a connection included. The limits within are shorter; this one also holds when
/// the server says nothing at all.
const DEADLINE: Duration = Duration::from_secs(10);

//! Commands: loaded, decided and appended in one transaction.

use deploy_domain::{Command, Event, Rejection};
use uuid::Uuid;

use super::{Error, Leased, Store};

/// Why a command changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// A rule said no.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The world failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Store {
    /// Does what a person asks; no events when it is done already.
    pub async fn command(
        &self,
        app: Uuid,
        command: Command,
        traceparent: Option<String>,
    ) -> Result<Vec<Event>, CommandError> {
        let _ = (app, command, traceparent);
        Err(Error::permanent("being written").into())
    }

    /// Records what the holder of a lease saw, and brings `leased.line` up to date (also with what others appended).
    pub async fn report(
        &self,
        leased: &mut Leased,
        command: Command,
    ) -> Result<Vec<Event>, CommandError> {
        let _ = (leased, command);
        Err(Error::permanent("being written").into())
    }
}

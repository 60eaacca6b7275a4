//! Who works on a line. A lease says who is trying, no more: fences and deterministic names make it safe when two try.

use std::time::Duration;

use deploy_domain::Line;
use uuid::Uuid;

use super::{Error, Store};

/// An app, as the cluster needs to know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its id.
    pub id: Uuid,
    /// A DNS label.
    pub name: String,
    /// Whose it is.
    pub tenant_id: Uuid,
}

/// A line that this process works on.
#[derive(Debug, Clone)]
pub struct Leased {
    /// Whose line.
    pub app: App,
    /// This holder's mark.
    pub lease: Uuid,
    /// The state; [`Store::report`] keeps it up to date.
    pub line: Line,
    /// The version of that state.
    pub version: i64,
    /// Failures in a row of the world around us, as the last holder left it.
    pub failures: i32,
}

/// When to look at a line again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// After this time, or earlier when something happens.
    At(Duration),
    /// When something happens: there is nothing to do.
    Idle,
}

impl Store {
    /// Takes lines that are due and that nobody holds, the longest due first.
    pub async fn lease_next(&self, duration: Duration, limit: usize) -> Result<Vec<Leased>, Error> {
        let _ = (duration, limit);
        Err(Error::permanent("being written"))
    }

    /// Holds on to a line; false when somebody else has it.
    pub async fn renew(&self, leased: &Leased, duration: Duration) -> Result<bool, Error> {
        let _ = (leased, duration);
        Err(Error::permanent("being written"))
    }

    /// Gives a line back. What arrived meanwhile is not lost: then it is due at once.
    pub async fn release(&self, leased: &Leased, next: Next, failures: i32) -> Result<(), Error> {
        let _ = (leased, next, failures);
        Err(Error::permanent("being written"))
    }

    /// Has a line looked at now, if there is anything to do on it.
    pub async fn wake(&self, app: Uuid) -> Result<(), Error> {
        let _ = app;
        Err(Error::permanent("being written"))
    }
}

//! What can go wrong with the store, told apart by what the caller does about it.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState;
use uuid::Uuid;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a call to the store did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The world failed: try again later. What was asked may have happened all the same.
    #[error("the database cannot answer now: {0}")]
    Transient(Cause),
    /// Another writer was faster, again and again: load and try again.
    #[error("other writers were faster: {0}")]
    Conflict(Cause),
    /// There is no such app.
    #[error("app {0} is not known")]
    UnknownApp(Uuid),
    /// There was one.
    #[error("app {0} was deleted")]
    DeletedApp(Uuid),
    /// Somebody else holds the line's lease by now.
    #[error("the lease on the line of app {0} is held by somebody else")]
    LeaseLost(Uuid),
    /// Trying again gives the same.
    #[error("{0}")]
    Permanent(Cause),
}

impl Error {
    /// Whether the same call may succeed later.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        matches!(self, Self::Transient(_) | Self::Conflict(_))
    }

    /// Whether a message is to wait for a better time. A conflict that outlasts every try is the message's own: another
    /// one has what only one may have.
    pub(crate) fn is_trouble_of_ours(&self) -> bool {
        matches!(self, Self::Transient(_))
    }

    pub(super) fn lost_race(what: &'static str) -> Self {
        Self::Conflict(what.into())
    }

    pub(super) fn deadline() -> Self {
        Self::Transient("no answer in time".into())
    }

    pub(super) fn closed() -> Self {
        Self::Transient("the connection was closed".into())
    }

    pub(crate) fn permanent(cause: impl Into<Cause>) -> Self {
        Self::Permanent(cause.into())
    }
}

/// What a failure of Postgres means to the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    Transient,
    Conflict,
    Permanent,
}

impl From<tokio_postgres::Error> for Error {
    fn from(error: tokio_postgres::Error) -> Self {
        // The driver's own text is "db error"; what the server said is its source.
        let cause: Cause = match error.as_db_error() {
            Some(said) => format!("{} ({})", said.message(), said.code().code()).into(),
            None => error_with_source(&error).into(),
        };
        match error.code().map_or(Meaning::Transient, of_code) {
            Meaning::Transient => Self::Transient(cause),
            Meaning::Conflict => Self::Conflict(cause),
            Meaning::Permanent => Self::Permanent(cause),
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        if let PoolError::Backend(error) = error {
            error.into()
        } else {
            Self::Transient(Box::new(error))
        }
    }
}

fn error_with_source(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Only what the values themselves are to blame for stays wrong for ever. A missing column, a full disk or a refused
/// login is trouble of ours: it must not cost anybody a push.
fn of_code(code: &SqlState) -> Meaning {
    match code {
        &SqlState::UNIQUE_VIOLATION
        | &SqlState::T_R_SERIALIZATION_FAILURE
        | &SqlState::T_R_DEADLOCK_DETECTED => Meaning::Conflict,
        code if code.code().starts_with("22") || code.code().starts_with("23") => {
            Meaning::Permanent
        }
        _ => Meaning::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_lost_a_race_tries_again() {
        for code in ["23505", "40001", "40P01"] {
            assert_eq!(of_code(&SqlState::from_code(code)), Meaning::Conflict, "{code}");
        }
    }

    #[test]
    fn a_server_in_trouble_is_waited_for() {
        for code in
            ["57P01", "57014", "55P03", "53300", "53100", "08006", "25006", "28P01", "42703"]
        {
            assert_eq!(of_code(&SqlState::from_code(code)), Meaning::Transient, "{code}");
        }
    }

    #[test]
    fn a_value_that_the_schema_forbids_is_not_tried_again() {
        for code in ["23503", "23502", "23514", "22P02", "22021"] {
            assert_eq!(of_code(&SqlState::from_code(code)), Meaning::Permanent, "{code}");
        }
    }
}

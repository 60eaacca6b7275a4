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

    pub(super) fn lost_race(what: &'static str) -> Self {
        Self::Conflict(what.into())
    }

    pub(super) fn deadline() -> Self {
        Self::Transient("no answer in time".into())
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
        match error.code().map_or_else(|| of_driver(&error), of_code) {
            Meaning::Transient => Self::Transient(cause),
            Meaning::Conflict => Self::Conflict(cause),
            Meaning::Permanent => Self::Permanent(cause),
        }
    }
}

impl From<PoolError> for Error {
    fn from(error: PoolError) -> Self {
        match error {
            PoolError::Backend(error) => match Self::from(error) {
                // Whoever may not log in now may later: a password is being changed, the server is starting.
                Self::Permanent(cause) | Self::Conflict(cause) | Self::Transient(cause) => {
                    Self::Transient(cause)
                }
                other @ (Self::UnknownApp(_) | Self::LeaseLost(_)) => other,
            },
            error => Self::Transient(Box::new(error)),
        }
    }
}

fn error_with_source(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// An error without a code of the server's: the connection broke, unless a value could not be converted.
fn of_driver(error: &tokio_postgres::Error) -> Meaning {
    let text = error.to_string();
    let ours =
        ["error serializing parameter", "error deserializing column", "invalid column", "expected"];
    if ours.iter().any(|start| text.starts_with(start)) {
        Meaning::Permanent
    } else {
        Meaning::Transient
    }
}

fn of_code(code: &SqlState) -> Meaning {
    match code {
        &SqlState::UNIQUE_VIOLATION
        | &SqlState::T_R_SERIALIZATION_FAILURE
        | &SqlState::T_R_DEADLOCK_DETECTED => Meaning::Conflict,
        &SqlState::QUERY_CANCELED | &SqlState::LOCK_NOT_AVAILABLE => Meaning::Transient,
        // A cached plan or prepared statement that a migration or a pooler made stale.
        &SqlState::FEATURE_NOT_SUPPORTED | &SqlState::INVALID_SQL_STATEMENT_NAME => {
            Meaning::Transient
        }
        &SqlState::READ_ONLY_SQL_TRANSACTION => Meaning::Transient,
        code => match code.code().get(..2) {
            // Connections, resources, the operator's intervention, the server's system, its internals, invalid
            // transaction states (a terminated session), and configuration files.
            Some("08" | "25" | "53" | "57" | "58" | "XX" | "F0" | "28") => Meaning::Transient,
            _ => Meaning::Permanent,
        },
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
            ["57P01", "57P03", "57014", "55P03", "53300", "53100", "08006", "25006", "25P03"]
        {
            assert_eq!(of_code(&SqlState::from_code(code)), Meaning::Transient, "{code}");
        }
    }

    #[test]
    fn what_the_schema_forbids_is_not_tried_again() {
        for code in ["23503", "23502", "23514", "22P02", "42P01", "42703"] {
            assert_eq!(of_code(&SqlState::from_code(code)), Meaning::Permanent, "{code}");
        }
    }
}

//! How a failure looks to a caller: the one table from our errors to gRPC's codes.

use tonic::Status;
use uuid::Uuid;

use crate::{
    cluster_port,
    logs::{self, InvalidCursor},
    repair,
    store::{CommandError, Error, InvalidPageToken, LetterError, RemovalError},
};

/// | what happened | code | is trying again any use? |
/// |---|---|---|
/// | a rule said no | `FAILED_PRECONDITION` | not before something changes |
/// | a dead letter still cannot be taken in, or was taken in; the schema lacks a table | `FAILED_PRECONDITION` | not before something changes |
/// | there is no such app or dead letter | `NOT_FOUND` | no |
/// | the database or the broker cannot answer, or others were faster | `UNAVAILABLE` | yes |
/// | as many replays run as may | `RESOURCE_EXHAUSTED` | when one has ended |
/// | anything else | `INTERNAL`, told in the log only | no |
pub(super) fn of_command(error: CommandError) -> Status {
    match error {
        CommandError::Rejected(rejection) => Status::failed_precondition(rejection.to_string()),
        CommandError::Store(error) => of_store(error),
    }
}

pub(super) fn of_store(error: Error) -> Status {
    match error {
        Error::Transient(_) | Error::Conflict(_) => {
            // Health says so once; each call would say it again.
            tracing::debug!(%error, "a call could not be answered");
            Status::unavailable("the database cannot answer now; try again")
        }
        Error::UnknownApp(app) | Error::DeletedApp(app) => no_app(app),
        Error::LeaseLost(_) | Error::Permanent(_) => {
            tracing::error!(%error, "a call failed");
            Status::internal("internal error; see the deployer's log")
        }
    }
}

pub(super) fn of_letter(error: LetterError) -> Status {
    match error {
        LetterError::Store(error) => of_store(error),
        LetterError::Unknown(_) => Status::not_found(error.to_string()),
        LetterError::TakenIn(_) | LetterError::Unmigrated => {
            Status::failed_precondition(error.to_string())
        }
    }
}

pub(super) fn of_repair(error: repair::Error) -> Status {
    match error {
        repair::Error::Store(error) => of_store(error),
        repair::Error::Letter(error) => of_letter(error),
        repair::Error::Still(_) => Status::failed_precondition(error.to_string()),
        repair::Error::Busy => Status::resource_exhausted(error.to_string()),
        repair::Error::Draining => draining(),
        repair::Error::Broker { .. } => {
            tracing::warn!(%error, "a repair broke off");
            Status::unavailable("the broker cannot answer now; try again")
        }
    }
}

pub(super) fn of_logs(error: logs::Error) -> Status {
    match error {
        logs::Error::Store(error) => of_store(error),
        logs::Error::Busy => Status::resource_exhausted(error.to_string()),
        logs::Error::Draining => draining(),
    }
}

pub(super) fn of_removal(error: RemovalError) -> Status {
    match error {
        RemovalError::Store(error) => of_store(error),
        RemovalError::Underway => Status::failed_precondition(error.to_string()),
    }
}

/// The app is deleted all the same: what the cluster refuses for now is done later.
pub(super) fn of_cluster(error: &cluster_port::Error) -> Status {
    tracing::warn!(%error, "a deleted app is still on the cluster; trying later");
    Status::unavailable("the app is deleted, and what it has on the cluster will be; try again")
}

pub(super) fn no_cursor(error: InvalidCursor) -> Status {
    Status::invalid_argument(format!("cursor is {error}"))
}

pub(super) fn no_letter(id: u64) -> Status {
    Status::not_found(format!("there is no dead letter {id}"))
}

pub(super) fn no_app(app: Uuid) -> Status {
    Status::not_found(format!("there is no app {app}"))
}

pub(super) fn no_deploy(deploy: Uuid) -> Status {
    Status::not_found(format!("there is no deploy {deploy}"))
}

pub(super) fn no_page(error: InvalidPageToken) -> Status {
    Status::invalid_argument(format!("page_token is {error}"))
}

/// The caller is to ask another replica, or this one when it is back.
pub(super) fn draining() -> Status {
    Status::unavailable("this deployer is shutting down; try again")
}

#[cfg(test)]
mod tests {
    use deploy_domain::Rejection;
    use tonic::Code;

    use super::*;

    #[test]
    fn a_rule_that_says_no_says_why() {
        let status = of_command(Rejection::NoPush.into());
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(status.message(), Rejection::NoPush.to_string());
    }

    #[test]
    fn what_failed_within_stays_within() {
        let internal = of_store(Error::Permanent("relation \"lines\" does not exist".into()));
        assert_eq!(internal.code(), Code::Internal);
        assert!(!internal.message().contains("lines"));
        let passing = of_store(Error::Transient("password authentication failed".into()));
        assert_eq!(passing.code(), Code::Unavailable);
        assert!(!passing.message().contains("password"));
        assert_eq!(of_store(Error::UnknownApp(Uuid::nil())).code(), Code::NotFound);
    }
}

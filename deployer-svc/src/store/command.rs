//! Commands: loaded, decided and appended in one transaction.

use deploy_domain::{Command, Event, Rejection, decide};
use tracing::Instrument as _;
use uuid::Uuid;

use super::{
    Error, Leased, Store,
    append::{Due, append},
    connection::{racing, transaction, within},
    log::lock,
};

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

/// What a decision came to: a rule's refusal is an answer, not a failure of the store.
type Decided<T> = Result<Result<T, Rejection>, Error>;

impl Store {
    /// Does what a person asks; no events when it is done already.
    pub async fn command(
        &self,
        app: Uuid,
        command: Command,
        traceparent: Option<String>,
    ) -> Result<Vec<Event>, CommandError> {
        let attempt = || within(self.try_command(app, &command, traceparent.as_deref()));
        Ok(racing(attempt).instrument(transaction("command")).await??)
    }

    async fn try_command(
        &self,
        app: Uuid,
        command: &Command,
        traceparent: Option<&str>,
    ) -> Decided<Vec<Event>> {
        let mut client = self.client().await?;
        let tx = client.transaction().await?;
        let locked = lock(&tx, app).await?;
        if locked.is_deleted {
            return Err(Error::DeletedApp(app));
        }
        let events = match decide(&locked.line, command.clone()) {
            Ok(events) => events,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let (_, changes) = append(&tx, app, locked, &events, traceparent, Due::Now).await?;
        tx.commit().await?;
        changes.count();
        Ok(Ok(events))
    }

    /// Records what the holder of a lease saw, and brings `leased.line` up to date, also with what others appended.
    pub async fn report(
        &self,
        leased: &mut Leased,
        command: Command,
    ) -> Result<Vec<Event>, CommandError> {
        let traceparent = telemetry::current_traceparent();
        let attempt = || within(self.try_report(leased, &command, traceparent.as_deref()));
        let reported = racing(attempt).instrument(transaction("report")).await?;
        let (events, line, version) = reported?;
        leased.line = line;
        leased.version = version;
        Ok(events)
    }

    async fn try_report(
        &self,
        leased: &Leased,
        command: &Command,
        traceparent: Option<&str>,
    ) -> Decided<(Vec<Event>, deploy_domain::Line, i64)> {
        let mut client = self.client().await?;
        let app = leased.app.id;
        let tx = client.transaction().await?;
        let locked = lock(&tx, app).await?;
        if locked.lease != Some(leased.lease) {
            return Err(Error::LeaseLost(app));
        }
        let events = match decide(&locked.line, command.clone()) {
            Ok(events) => events,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let (moved, changes) =
            append(&tx, app, locked, &events, traceparent, Due::ByHolder).await?;
        tx.commit().await?;
        changes.count();
        Ok(Ok((events, moved.line, moved.version)))
    }
}

//! The ledger: what became of every authentic delivery, for people who ask why nothing was deployed. It is written
//! behind the answers, in batches, and never slows or fails one: what does not fit, or cannot be written, is counted.
//! A crash takes the rows of its last fraction of a second.

mod prune;
mod writer;

use std::time::Duration;

use jiff::Timestamp;
use paas_proto::events::Provider;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    error::Error,
    metrics::{LedgerRows, Row},
    store::Store,
};

/// Rows that wait to be written: a few seconds of a flood, or a short outage of the database.
const MAX_WAITING: usize = 8192;
/// For what still waits when the service stops.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// Of each text that a sender chooses.
const MAX_TEXT_BYTES: usize = 512;

telemetry::labels! {
    /// What became of a delivery.
    pub(crate) enum Verdict as "verdict" {
        /// It became a deploy, or will.
        Queued = "queued",
        /// This very push was taken in before, and nothing new begins.
        Duplicate = "duplicate",
        /// Its commit is live.
        Unchanged = "unchanged",
        /// Another branch, or a tag.
        BranchMismatch = "branch_mismatch",
        /// Switched off, or paused by a rollback.
        AutoDeployDisabled = "auto_deploy_disabled",
        /// The branch is gone.
        BranchDeleted = "branch_deleted",
        /// Another repository.
        RepositoryMismatch = "repository_mismatch",
        /// The head commit's message says so.
        SkippedByMessage = "skipped_by_message",
        /// Nothing that the app watches has changed.
        NoWatchedPath = "no_watched_path",
        /// The provider tried its webhook out.
        Ping = "ping",
        /// No push.
        IgnoredEvent = "ignored_event",
        /// Not to be read, or not in a content type that is.
        Malformed = "malformed",
        /// Trouble of ours: it was answered 503, and can be sent again.
        Unavailable = "unavailable",
    }
}

telemetry::labels! {
    /// How a push came to be known.
    pub(crate) enum Origin as "origin" {
        /// It was delivered.
        Webhook = "webhook",
        /// The sweeper found it.
        Sweep = "sweep",
    }
}

telemetry::labels! {
    /// Which of an app's secrets a delivery showed.
    pub(crate) enum Secret as "secret" {
        /// The one that is set.
        Current = "current",
        /// The one before, which is still valid.
        Previous = "previous",
    }
}

impl From<&Error> for Verdict {
    /// Of a delivery that is authentic.
    fn from(error: &Error) -> Self {
        let is_malformed = matches!(error, Error::MalformedJson | Error::UnsupportedContentType);
        if is_malformed { Self::Malformed } else { Self::Unavailable }
    }
}

/// A row of the ledger.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) app: Uuid,
    pub(crate) provider: Provider,
    pub(crate) origin: Origin,
    /// As the provider shows it.
    pub(crate) delivery_id: String,
    /// As the provider names it.
    pub(crate) event: String,
    pub(crate) verdict: Verdict,
    pub(crate) deploy_id: Option<Uuid>,
    pub(crate) sha: Option<String>,
    pub(crate) branch: Option<String>,
    pub(crate) secret: Option<Secret>,
    pub(crate) received_at: Timestamp,
}

impl Entry {
    /// Postgres keeps no NUL, and nobody reads more of a text than this.
    fn tidied(mut self) -> Self {
        tidy(&mut self.delivery_id);
        tidy(&mut self.event);
        for text in [&mut self.sha, &mut self.branch].into_iter().flatten() {
            tidy(text);
        }
        self
    }
}

fn tidy(text: &mut String) {
    text.truncate(text.floor_char_boundary(MAX_TEXT_BYTES));
    if text.contains('\0') {
        *text = text.replace('\0', "\u{fffd}");
    }
}

/// Takes rows.
#[derive(Debug)]
pub(crate) struct Ledger {
    rows: mpsc::Sender<Entry>,
    counted: LedgerRows,
    closing: CancellationToken,
    closed: CancellationToken,
}

impl Ledger {
    /// Call it on the main runtime, where its work goes on until it is closed.
    pub(crate) fn new(store: &Store, kept_days: u16, counted: LedgerRows) -> Self {
        let (sender, rows) = mpsc::channel(MAX_WAITING);
        let (closing, closed) = (CancellationToken::new(), CancellationToken::new());
        let writer = writer::Writer {
            store: store.clone(),
            rows,
            counted: counted.clone(),
            closing: closing.clone(),
        };
        tokio::spawn(writer.run(closed.clone()));
        tokio::spawn(
            closing.clone().run_until_cancelled_owned(prune::run(store.clone(), kept_days)),
        );
        Self { rows: sender, counted, closing, closed }
    }

    /// Notes what became of a delivery; at once, and whatever happens.
    pub(crate) fn note(&self, entry: Entry) {
        if self.rows.try_send(entry.tidied()).is_err() {
            self.counted.add(Row::Dropped, 1);
        }
    }

    /// Writes what waits; afterwards nothing is taken.
    pub(crate) async fn close(&self) {
        self.closing.cancel();
        if tokio::time::timeout(CLOSE_WITHIN, self.closed.cancelled()).await.is_err() {
            tracing::warn!("the ledger's last rows could not be written in time");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_a_senders_choosing_is_cut_and_can_be_kept() {
        let mut long = "é".repeat(400);
        tidy(&mut long);
        assert_eq!(long, "é".repeat(256));
        let mut nul = "a\0b".to_owned();
        tidy(&mut nul);
        assert_eq!(nul, "a\u{fffd}b");
    }
}

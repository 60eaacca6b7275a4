//! Writes the ledger: what came within a moment, in one statement.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    time::{Instant, sleep, timeout_at},
};
use tokio_util::sync::CancellationToken;

use super::Entry;
use crate::{
    metrics::{LedgerRows, Row},
    store::Store,
};

const BATCH: usize = 100;
/// How long the first row of a batch waits for others.
const MOMENT: Duration = Duration::from_millis(200);
/// A row may be written twice by an attempt that only seemed to fail: better than not at all.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Writer {
    pub(super) store: Store,
    pub(super) rows: mpsc::Receiver<Entry>,
    pub(super) counted: LedgerRows,
    pub(super) closing: CancellationToken,
}

impl Writer {
    /// Until the ledger is closed and all that waited is written.
    pub(super) async fn run(mut self, closed: CancellationToken) {
        let _closed = closed.drop_guard();
        let mut trouble = false;
        while let Some(first) = self.next().await {
            let batch = self.batch(first).await;
            let written = self.write(&batch).await;
            if let Err(error) = &written
                && !trouble
            {
                // Once an outage: the counter tells the rest.
                tracing::warn!(error, rows = batch.len(), "the ledger cannot be written");
            }
            trouble = written.is_err();
            let row = if trouble { Row::Dropped } else { Row::Written };
            self.counted.add(row, batch.len());
        }
    }

    async fn next(&mut self) -> Option<Entry> {
        tokio::select! {
            biased;
            row = self.rows.recv() => row,
            () = self.closing.cancelled() => {
                self.rows.close();
                self.rows.recv().await
            }
        }
    }

    async fn batch(&mut self, first: Entry) -> Vec<Entry> {
        let until = Instant::now() + MOMENT;
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(Some(row)) = timeout_at(until, self.next()).await
        {
            batch.push(row);
        }
        batch
    }

    async fn write(&self, batch: &[Entry]) -> Result<(), String> {
        let mut attempt = 1;
        loop {
            match self.store.note_deliveries(batch).await {
                Ok(()) => return Ok(()),
                Err(error) if error.is_of_older_schema() => {
                    return Err(
                        "the schema has no ledger yet: run `deployer-svc migrate`".to_owned()
                    );
                }
                Err(error) if attempt == ATTEMPTS => return Err(error.to_string()),
                Err(_) => {}
            }
            attempt += 1;
            self.closing.run_until_cancelled(sleep(PAUSE)).await;
        }
    }
}

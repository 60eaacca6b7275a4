//! Reads one build's log from the cluster into the database. Lines and the cursor behind them are written together, so
//! whoever goes on after a crash neither loses nor doubles one.

use std::{mem, sync::Arc, time::Duration};

use futures_util::StreamExt as _;
use jiff::Timestamp;
use paas_proto::{
    cluster::{BuildLogs, LogsRequest, LogsResponse, logs_request::Of},
    ids,
};
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    chunk::{self, BuildLine},
    line::OURSELVES,
};
use crate::{
    backoff,
    cluster_port::{self, Cluster},
    metrics::metrics,
    store::{self, Followed, LogState, NewChunk, Store},
};

/// How long a log stays with a process that died.
pub(super) const LEASE: Duration = Duration::from_secs(10);
const RENEW_EVERY: Duration = Duration::from_secs(3);
/// Kept of one build; what it says beyond is not.
const MOST_LINES: u64 = 50_000;
const MOST_BYTES: u64 = 8 << 20;
/// Of one line, in bytes: the agent cuts earlier.
const LONGEST_LINE: usize = 16 * 1024;
/// Lines are written together: so many bytes, or what came within so long.
const CHUNK_BYTES: usize = 64 * 1024;
const PAUSE: Duration = Duration::from_millis(300);
/// Before a log is read again whose build has not ended on record.
const AGAIN: Duration = Duration::from_millis(500);
/// A stream that is silent for so long is asked about; and one of a build that ended so long ago is given up.
const SILENCE: Duration = Duration::from_secs(10);
const LATE: Duration = Duration::from_secs(30);
/// What of a build's log cannot be read for so long after its end will never be.
const PATIENCE: Duration = Duration::from_mins(15);

pub(super) struct Follower {
    pub(super) store: Store,
    pub(super) cluster: Cluster,
    /// Who may write now: the deploys' connections are not for logs.
    pub(super) writers: Arc<Semaphore>,
    pub(super) shutdown: CancellationToken,
    pub(super) log: Followed,
    pub(super) unwritten: Unwritten,
}

/// What was read and not yet written.
#[derive(Debug, Default)]
pub(super) struct Unwritten {
    lines: Vec<BuildLine>,
    size: usize,
    /// Behind the last of them.
    cursor: String,
}

/// Why reading broke off.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error(transparent)]
    Cluster(#[from] cluster_port::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
    #[error("lines could not be packed: {0}")]
    Pack(#[from] std::io::Error),
    #[error("somebody else reads this log by now")]
    Lost,
}

/// What one reading came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Read {
    /// All of it is kept.
    Everything,
    /// All that there was: the build goes on.
    SoFar,
    /// As much as is kept.
    Enough,
}

impl Follower {
    /// Reads until the log is complete, somebody else has it, or the shutdown.
    pub(super) async fn run(mut self) {
        let (store, held, shutdown) = (self.store.clone(), self.log.clone(), self.shutdown.clone());
        tokio::select! {
            () = self.follow() => {}
            () = until_lost(&store, &held) => {
                tracing::debug!(deploy.id = %held.deploy, "the lease on a build's log was lost");
            }
            () = shutdown.cancelled() => {
                // What was read and not written is read again by whoever goes on.
                if let Err(error) = store.release_log(&held).await {
                    tracing::debug!(%error, "a build's log was not given back; its lease runs out");
                }
            }
        }
    }

    async fn follow(&mut self) {
        let mut failures = 0;
        loop {
            match self.read().await {
                Ok(Read::Everything | Read::Enough) | Err(Trouble::Lost) => return,
                Ok(Read::SoFar) => {
                    failures = 0;
                    sleep(AGAIN).await;
                }
                Err(trouble) => {
                    failures += 1;
                    self.note(&trouble, failures);
                    if self.is_hopeless().await && self.give_up(&trouble).await {
                        return;
                    }
                    sleep(backoff::delay(failures)).await;
                }
            }
        }
    }

    /// Reads on from the cursor to the end of the stream.
    async fn read(&mut self) -> Result<Read, Trouble> {
        self.forget();
        // Asked before the reading: what is read after the end of the build is all of it.
        let is_over = self.store.build_over_for(self.log.deploy).await?.is_some();
        let mut lines = std::pin::pin!(self.cluster.logs(self.request(!is_over)).await?);
        let (mut heard, mut written) = (Instant::now(), Instant::now());
        loop {
            match timeout(PAUSE, lines.next()).await {
                Ok(Some(Ok(line))) => {
                    heard = Instant::now();
                    if self.take(line) {
                        return self.truncate().await;
                    }
                    if self.unwritten.size >= CHUNK_BYTES || written.elapsed() > PAUSE {
                        self.write(LogState::Following).await?;
                        written = Instant::now();
                    }
                }
                Ok(Some(Err(error))) => {
                    self.write(LogState::Following).await?;
                    return Err(error.into());
                }
                Ok(None) if is_over => {
                    self.write(LogState::Complete).await?;
                    return Ok(Read::Everything);
                }
                Ok(None) => {
                    self.write(LogState::Following).await?;
                    return Ok(Read::SoFar);
                }
                Err(_) => {
                    self.write(LogState::Following).await?;
                    if heard.elapsed() > SILENCE {
                        heard = Instant::now();
                        if self.over_for().await?.is_some_and(|ago| ago > LATE) {
                            return Ok(Read::SoFar);
                        }
                    }
                }
            }
        }
    }

    async fn over_for(&self) -> Result<Option<Duration>, Trouble> {
        Ok(self.store.build_over_for(self.log.deploy).await?)
    }

    fn request(&self, follow: bool) -> LogsRequest {
        let deploy = self.log.deploy;
        let build = BuildLogs { run_name: ids::run_name(deploy), deploy_id: deploy.to_string() };
        let cursor = self.log.cursor.clone();
        LogsRequest { of: Some(Of::Build(build)), follow, cursor, tail: 0 }
    }

    /// Takes a line; whether that is as much as is kept.
    fn take(&mut self, line: LogsResponse) -> bool {
        let mut text = line.text;
        text.truncate(text.floor_char_boundary(LONGEST_LINE));
        let at = line.at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok());
        let at = at.unwrap_or_else(Timestamp::now);
        self.push(BuildLine { at, origin: line.origin, text });
        self.unwritten.cursor = line.cursor;
        let lines = self.log.lines + self.unwritten.lines.len() as u64;
        let bytes = self.log.bytes + self.unwritten.size as u64;
        lines >= MOST_LINES || bytes >= MOST_BYTES
    }

    fn push(&mut self, line: BuildLine) {
        self.unwritten.size += line.size();
        self.unwritten.lines.push(line);
    }

    fn forget(&mut self) {
        let cursor = self.log.cursor.clone();
        self.unwritten = Unwritten { cursor, ..Unwritten::default() };
    }

    /// A word of ours in the log.
    fn say(&mut self, text: String) {
        self.push(BuildLine { at: Timestamp::now(), origin: OURSELVES.to_owned(), text });
    }

    async fn truncate(&mut self) -> Result<Read, Trouble> {
        let megabytes = MOST_BYTES >> 20;
        self.say(format!(
            "the log of this build goes on: {MOST_LINES} lines or {megabytes} MiB of it are kept"
        ));
        self.write(LogState::Truncated).await?;
        Ok(Read::Enough)
    }

    /// Writes what was read; nothing where there is nothing to write.
    async fn write(&mut self, state: LogState) -> Result<(), Trouble> {
        if self.unwritten.lines.is_empty() && state == LogState::Following {
            return Ok(());
        }
        let cursor = self.unwritten.cursor.clone();
        let next = Unwritten { cursor: cursor.clone(), ..Unwritten::default() };
        let Unwritten { lines, size, .. } = mem::replace(&mut self.unwritten, next);
        let chunk = NewChunk {
            lines: u32::try_from(lines.len()).unwrap_or(u32::MAX),
            bytes: size as u64,
            data: chunk::pack(&lines)?,
            cursor,
        };
        let _turn = self.writers.acquire().await;
        // It may have been written all the same when this fails: then the next try finds that, and whoever takes the
        // log up reads where it stands.
        if self.store.append_log(&mut self.log, &chunk, state).await? {
            metrics().build_log_lines(chunk.lines);
            Ok(())
        } else {
            Err(Trouble::Lost)
        }
    }

    fn note(&self, trouble: &Trouble, failures: u32) {
        let deploy = self.log.deploy;
        if failures == 1 {
            tracing::warn!(deploy.id = %deploy, error = %trouble, "a build's log cannot be read; trying again");
        } else {
            tracing::debug!(deploy.id = %deploy, error = %trouble, "a build's log still cannot be read");
        }
    }

    async fn is_hopeless(&self) -> bool {
        let over = self.over_for().await;
        over.is_ok_and(|ago| ago.is_some_and(|ago| ago > PATIENCE))
    }

    async fn give_up(&mut self, trouble: &Trouble) -> bool {
        self.forget();
        tracing::warn!(deploy.id = %self.log.deploy, error = %trouble, "the rest of a build's log is given up");
        self.say("the rest of this build's log could not be read".to_owned());
        matches!(self.write(LogState::Complete).await, Ok(()) | Err(Trouble::Lost))
    }
}

/// Renews the lease until that fails.
async fn until_lost(store: &Store, held: &Followed) {
    let mut until = Instant::now() + LEASE;
    while Instant::now() < until {
        sleep(RENEW_EVERY).await;
        let asked = Instant::now();
        match tokio::time::timeout_at(until, store.renew_log(held, LEASE)).await {
            Ok(Ok(true)) => until = asked + LEASE,
            Ok(Ok(false)) => return,
            Ok(Err(_)) | Err(_) => {}
        }
    }
}

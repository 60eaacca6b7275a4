//! What comes, of the containers that are there and of those that come. Each one's lines are in order; between them, in
//! the order of arrival.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, BoxStream, SelectAll, StreamExt as _};
use paas_proto::cluster::LogsResponse;
use tokio::time::{Instant, sleep_until};
use tonic::Status;

use super::containers::Container;
use super::cursor::{Cursor, Key, Position};
use super::line::Line;
use super::reader::{Part, Reader};
use super::{Subject, answer};
use crate::errors::Failure;

/// How often is looked for new pods, and for the end of a build.
const RHYTHM: Duration = Duration::from_millis(500);
/// How long the pods of a build that has ended get for what they have yet to say.
const LAST_WORDS: Duration = Duration::from_mins(1);

type Told = (Key, Arc<str>, Result<Line, Failure>);

/// The logs of a build until it has ended, or of an app for ever.
pub(crate) struct Follow {
    subject: Arc<Subject>,
    cursor: Cursor,
    readers: SelectAll<BoxStream<'static, Told>>,
    /// The containers that have, or had, a reader.
    known: BTreeSet<Key>,
    look_at: Instant,
    /// Until when a build that has ended is waited for.
    last_words: Option<Instant>,
    failures: u32,
}

impl Follow {
    pub(crate) fn new(subject: Arc<Subject>, cursor: Cursor) -> Self {
        Self {
            subject,
            cursor,
            readers: SelectAll::new(),
            known: BTreeSet::new(),
            look_at: Instant::now(),
            last_words: None,
            failures: 0,
        }
    }

    /// The next line; `None` when a build has ended and everything was told.
    pub(crate) async fn next(&mut self) -> Option<Result<LogsResponse, Status>> {
        loop {
            if self.last_words.is_some() && self.readers.is_empty() {
                return None;
            }
            let until = self.last_words.unwrap_or(self.look_at);
            tokio::select! {
                told = self.readers.next(), if !self.readers.is_empty() => match told {
                    Some((key, origin, Ok(line))) => return Some(Ok(self.tell(key, &origin, line))),
                    Some((_, _, Err(failure))) => {
                        return Some(Err(failure.into_status(&self.subject.secret)));
                    }
                    // The last reader has ended: perhaps that is all.
                    None => {}
                },
                () = sleep_until(until) => {
                    if let Err(failure) = self.look().await {
                        return Some(Err(failure.into_status(&self.subject.secret)));
                    }
                }
            }
        }
    }

    fn tell(&mut self, key: Key, origin: &str, line: Line) -> LogsResponse {
        if let Some(at) = line.at {
            self.cursor.set(key, Position::behind(self.cursor.get(key), at));
        }
        answer(&self.subject, line, origin, &self.cursor)
    }

    /// Looks for new containers. An error is one that waiting does not mend.
    async fn look(&mut self) -> Result<(), Failure> {
        if self.last_words.is_some() {
            let text = "the build has ended, but its log cannot be read to the end";
            return Err(Failure::Transient(text.to_owned()));
        }
        self.look_at = Instant::now() + RHYTHM;
        // In this order: once it has ended, no pods come any more.
        let found = async {
            let ended = self.subject.has_ended().await?;
            Ok((ended, self.subject.agent.containers(&self.subject.source).await?))
        };
        match found.await {
            Ok((ended, containers)) => {
                self.failures = 0;
                self.take_in(containers);
                self.last_words = ended.then(|| Instant::now() + LAST_WORDS);
                Ok(())
            }
            Err(failure @ Failure::Denied(_)) => Err(failure),
            Err(failure) => {
                self.failures += 1;
                if self.failures == 1 {
                    let error = failure.shown(&self.subject.secret);
                    tracing::warn!(error, "pods cannot be looked for; trying again");
                }
                self.look_at += RHYTHM * self.failures.min(8);
                Ok(())
            }
        }
    }

    fn take_in(&mut self, containers: Vec<Container>) {
        let there: BTreeSet<Key> = containers.iter().map(|container| container.key).collect();
        self.known.retain(|key| there.contains(key));
        self.cursor.keep(&there);
        for container in containers {
            if self.known.insert(container.key) {
                let position = self.cursor.get(container.key);
                let subject = Arc::clone(&self.subject);
                self.readers.push(told(Reader::new(subject, container, position, Part::All)));
            }
        }
    }
}

fn told(reader: Reader) -> BoxStream<'static, Told> {
    let lines = stream::unfold(reader, |mut reader| async {
        let line = reader.next().await?;
        let told = (reader.container.key, Arc::clone(&reader.container.origin), line);
        Some((told, reader))
    });
    lines.boxed()
}

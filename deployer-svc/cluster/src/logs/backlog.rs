//! What is there already, of all containers, in the order in which it was written.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use jiff::Timestamp;
use paas_proto::cluster::LogsResponse;
use tonic::Status;

use super::cursor::{Cursor, Position};
use super::follow::Follow;
use super::line::Line;
use super::reader::{Part, Reader};
use super::{LogOrder, Subject, answer};
use crate::errors::Failure;

/// Snapshots of several containers' logs, brought together by time.
pub(crate) struct Backlog {
    subject: Arc<Subject>,
    heads: Vec<Head>,
    cursor: Cursor,
    /// Why one of them could not be read; told when the others are.
    failure: Option<Failure>,
    is_followed: bool,
}

/// A container and its next line; none at the end.
struct Head {
    reader: Reader,
    line: Option<Line>,
}

impl Backlog {
    pub(crate) async fn open(subject: Arc<Subject>, order: LogOrder) -> Result<Self, Status> {
        let containers = subject.agent.containers(&subject.source).await.map_err(Status::from)?;
        let mut cursor = order.cursor;
        let tail = order.tail.filter(|_| cursor.is_empty());
        cursor.keep(&containers.iter().map(|container| container.key).collect::<BTreeSet<_>>());
        let heads = containers.into_iter().map(|container| {
            let position = cursor.get(container.key);
            let part = Part::Snapshot { tail };
            let reader = Reader::new(Arc::clone(&subject), container, position, part);
            async move {
                let mut head = Head { reader, line: None };
                let failed = head.fill().await.err();
                (head, failed)
            }
        });
        let (heads, failures): (Vec<_>, Vec<_>) = join_all(heads).await.into_iter().unzip();
        let failure = failures.into_iter().flatten().next();
        let mut backlog = Self { subject, heads, cursor, failure, is_followed: order.follow };
        if tail.is_some() {
            backlog.begin_behind_the_rest();
        }
        Ok(backlog)
    }

    /// With a tail, a cursor must not lead back to what came before it, not even of containers that are yet to be told.
    fn begin_behind_the_rest(&mut self) {
        for head in &self.heads {
            if let Some(at) = head.line.as_ref().and_then(|line| line.at) {
                self.cursor.set(head.reader.container.key, Position::before(at));
            }
        }
    }

    pub(crate) async fn next(&mut self) -> Option<Result<LogsResponse, Status>> {
        if let Some(failure @ Failure::Denied(_)) = &self.failure {
            return Some(Err(failure.clone().into_status(&self.subject.secret)));
        }
        let first = self.heads.iter_mut().filter(|head| head.line.is_some());
        // What has no time comes at once; of two at the same time, the container that began first.
        let Some(head) = first.min_by_key(|head| head.time()) else {
            let failure = self.failure.take().filter(|_| !self.is_followed)?;
            return Some(Err(failure.into_status(&self.subject.secret)));
        };
        let line = head.line.take()?;
        if let Err(failure) = head.fill().await {
            self.failure.get_or_insert(failure);
        }
        let (key, origin) = (head.reader.container.key, &head.reader.container.origin);
        if let Some(at) = line.at {
            self.cursor.set(key, Position::behind(self.cursor.get(key), at));
        }
        Some(Ok(answer(&self.subject, line, origin, &self.cursor)))
    }

    /// What comes behind it.
    pub(crate) fn followed(self) -> Follow {
        Follow::new(self.subject, self.cursor)
    }
}

impl Head {
    async fn fill(&mut self) -> Result<(), Failure> {
        self.line = self.reader.next().await.transpose()?;
        Ok(())
    }

    fn time(&self) -> Option<Timestamp> {
        self.line.as_ref().and_then(|line| line.at)
    }
}

//! A message as it stands in a stream: what it asks for, and what is kept of one that can never be taken in. Intake and
//! repair both stand on this, so that a push comes to the same whichever way it takes.

mod decode;

use async_nats::{HeaderMap, header::NATS_MESSAGE_ID};
use deploy_domain::Push;
use paas_proto::streams::Prefix;

pub(crate) use decode::{Invalid, Job, Work};

use crate::store::{self, DeadLetter, Inbound};

/// One of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queue {
    Pushes,
    Builds,
}

impl Queue {
    pub(crate) fn stream(self, prefix: &Prefix) -> String {
        match self {
            Self::Pushes => prefix.pushes(),
            Self::Builds => prefix.builds(),
        }
    }

    /// The inverse of [`Queue::stream`].
    pub(crate) fn of_stream(name: &str, prefix: &Prefix) -> Option<Self> {
        [Self::Pushes, Self::Builds].into_iter().find(|queue| queue.stream(prefix) == name)
    }
}

/// A message and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored<'a> {
    pub(crate) place: &'a store::Place,
    pub(crate) subject: &'a str,
    pub(crate) headers: Option<&'a HeaderMap>,
    pub(crate) payload: &'a [u8],
}

impl Stored<'_> {
    /// What it asks for.
    pub(crate) fn decode(&self, queue: Queue, prefix: &Prefix) -> Result<Job, Invalid> {
        let store::Place { epoch, sequence, .. } = *self.place;
        let place = deploy_domain::Place { epoch, sequence };
        decode::decode(queue, prefix, self.subject, self.payload, place)
    }

    /// The trace that it was published in.
    pub(crate) fn sender(&self) -> Option<String> {
        self.headers.and_then(telemetry::traceparent_of)
    }

    /// What makes a push the same however often it is stored or taken in.
    pub(crate) fn inbound(&self, push: &Push) -> Inbound {
        Inbound {
            stream: self.place.stream.clone(),
            message_id: push.mark.deploy.to_string(),
            sequence: self.place.sequence,
            traceparent: telemetry::current_traceparent().or_else(|| self.sender()),
        }
    }

    /// What is kept of it when it can never be taken in.
    pub(crate) fn letter(&self, deliveries: i64, reason: &str) -> DeadLetter {
        let id = self.headers.and_then(|headers| headers.get(NATS_MESSAGE_ID));
        DeadLetter {
            place: self.place.clone(),
            subject: printable(self.subject),
            message_id: id.map(|id| printable(id.as_str())),
            deliveries,
            raw: self.payload.to_vec(),
            reason: printable(reason),
        }
    }
}

/// Postgres keeps no NUL in a text.
fn printable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

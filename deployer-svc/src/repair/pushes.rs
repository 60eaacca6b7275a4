//! The stream of pushes read once more, message by message. It needs no consumer: nothing is left behind at the broker
//! when the reader goes away, and the deployer needs no right to make one.

use async_nats::jetstream::{
    Context,
    message::StreamMessage,
    stream::{RawMessageErrorKind, Stream},
};
use jiff::Timestamp;
use paas_proto::streams::Prefix;
use uuid::Uuid;

use super::Error;
use crate::store::Place;

/// Any subject of a stream.
const ANY: &str = ">";

/// Which pushes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    /// Only this app's.
    pub(crate) app: Option<Uuid>,
    /// Published at this time or later.
    pub(crate) since: Option<Timestamp>,
    /// Published before this time.
    pub(crate) until: Option<Timestamp>,
    /// The first sequence.
    pub(crate) from: Option<u64>,
    /// The last sequence; else the stream's last at the beginning.
    pub(crate) to: Option<u64>,
}

/// The pushes of a selection, in their order.
pub(super) struct Pushes {
    name: String,
    stream: Stream,
    subject: String,
    /// When the stream was created, Unix seconds.
    epoch: u64,
    next: u64,
    last: u64,
    until: Option<Timestamp>,
}

impl Pushes {
    pub(super) async fn open(
        jetstream: &Context,
        prefix: &Prefix,
        selection: &Selection,
    ) -> Result<Self, Error> {
        let name = prefix.pushes();
        let stream = match jetstream.get_stream(&name).await {
            Ok(stream) => stream,
            Err(error) => return Err(Error::Broker { stream: name, source: error.into() }),
        };
        let info = stream.cached_info();
        let mut pushes = Self {
            epoch: u64::try_from(info.created.unix_timestamp()).unwrap_or_default(),
            next: info.state.first_sequence.max(selection.from.unwrap_or_default()),
            last: info.state.last_sequence.min(selection.to.unwrap_or(u64::MAX)),
            subject: selection.app.map_or_else(|| ANY.to_owned(), |app| prefix.pushes_of(app)),
            until: selection.until,
            name,
            stream,
        };
        if let Some(since) = selection.since {
            pushes.skip_before(since).await?;
        }
        Ok(pushes)
    }

    /// The next one; `None` at the end.
    pub(super) async fn next(&mut self) -> Result<Option<StreamMessage>, Error> {
        if self.next > self.last {
            return Ok(None);
        }
        let found = self.first_from(self.next, &self.subject).await?;
        let wanted = |message: &StreamMessage| {
            message.sequence <= self.last
                && self.until.is_none_or(|until| published(message) < until)
        };
        let Some(message) = found.filter(wanted) else {
            self.next = u64::MAX;
            return Ok(None);
        };
        self.next = message.sequence.saturating_add(1);
        Ok(Some(message))
    }

    /// Where a message of it stands.
    pub(super) fn place(&self, message: &StreamMessage) -> Place {
        Place { stream: self.name.clone(), epoch: self.epoch, sequence: message.sequence }
    }

    /// The broker numbers messages in the order of their times: the first one is found by halving.
    async fn skip_before(&mut self, since: Timestamp) -> Result<(), Error> {
        let mut end = self.last.saturating_add(1);
        while self.next < end {
            let middle = self.next.midpoint(end);
            match self.first_from(middle, ANY).await? {
                Some(message) if published(&message) < since => self.next = message.sequence + 1,
                Some(_) | None => end = middle,
            }
        }
        Ok(())
    }

    async fn first_from(
        &self,
        sequence: u64,
        subject: &str,
    ) -> Result<Option<StreamMessage>, Error> {
        match self.stream.get_first_raw_message_by_subject(subject, sequence).await {
            Ok(message) => Ok(Some(message)),
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
            Err(error) => Err(Error::Broker { stream: self.name.clone(), source: error.into() }),
        }
    }
}

/// When the broker stored a message.
pub(super) fn published(message: &StreamMessage) -> Timestamp {
    Timestamp::from_nanosecond(message.time.unix_timestamp_nanos()).unwrap_or_default()
}

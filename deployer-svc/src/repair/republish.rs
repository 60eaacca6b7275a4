//! `deployer-svc republish`: brings the stream DEPLOYS back to what the log says, after it was lost or emptied.
//!
//! What it has is left alone; what is missing is published in the order of the commits, under the ids it had.

use std::{
    collections::HashSet,
    io::{self, Write as _},
    time::Duration,
};

use async_nats::{
    header::NATS_MESSAGE_ID,
    jetstream::{
        Context,
        consumer::{AckPolicy, pull},
        context::PublishError,
        stream::Stream,
    },
};
use futures_util::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use paas_proto::{
    ids::deploy_event_message_id,
    streams::{Limits, Prefix},
};
use tokio::time::timeout;
use uuid::Uuid;

use crate::{
    relay,
    store::{self, Recorded, Store},
    streams,
};

/// Events that are read, and on their way, at a time.
const PAGE: i64 = 256;
/// After which the broker forgets a reader that has gone.
const ABANDONED: Duration = Duration::from_mins(1);
/// For the next message that the broker says it has; one that is discarded meanwhile never comes.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which events.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this app's events
    #[arg(long)]
    pub app: Option<Uuid>,
}

/// Why not all was published. Running it again goes on where it stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The stream could not be set up.
    #[error(transparent)]
    Setup(#[from] streams::Error),
    /// The broker did not take an event.
    #[error("the broker did not take an event: {0}")]
    Publish(#[from] PublishError),
    /// The broker did not tell what it has.
    #[error("JetStream: {0}")]
    Broker(#[from] async_nats::Error),
    /// The broker stopped telling.
    #[error("the broker did not tell within {} s what DEPLOYS has: run it again", PATIENCE.as_secs())]
    Silent,
    /// Nobody reads the answer any more.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    published: u64,
    there: u64,
    withheld: u64,
}

/// Publishes what is missing, and says on standard output how much that was; false when the broker withheld some of it.
pub async fn run(
    store: &Store,
    jetstream: &Context,
    prefix: &Prefix,
    limits: Limits,
    args: &Args,
) -> Result<bool, Error> {
    streams::ensure(jetstream, prefix, limits).await?;
    let stream = jetstream.get_stream(prefix.deploys()).await.map_err(async_nats::Error::from)?;
    let newest = stream.cached_info().state.last_sequence;
    let there = ids(&stream, args.app.map(|app| prefix.deploy_subject(app))).await?;
    // What the stream would have forgotten by now is not brought back.
    let kept = SignedDuration::try_from(stream.cached_info().config.max_age).ok();
    let since = kept
        .filter(|kept| !kept.is_zero())
        .and_then(|kept| Timestamp::now().checked_sub(kept).ok())
        .unwrap_or(Timestamp::UNIX_EPOCH);
    let mut tally = Tally::default();
    let mut last: Option<Recorded> = None;
    loop {
        let page = store.published(args.app, since, last.as_ref(), PAGE).await?;
        publish(jetstream, prefix, (&there, newest), &page, &mut tally).await?;
        match page.into_iter().next_back() {
            Some(event) => last = Some(event),
            None => break,
        }
    }
    let Tally { published, there, withheld } = tally;
    let mut answer = io::stdout();
    writeln!(answer, "{published} published, {there} were there")?;
    if withheld > 0 {
        let window = stream.cached_info().config.duplicate_window.as_secs() / 3_600;
        writeln!(
            answer,
            "{withheld} withheld: the broker remembers their ids for {window} h after they were \
             published. Delete the stream and run this again to have them at once."
        )?;
    }
    Ok(withheld == 0)
}

async fn publish(
    jetstream: &Context,
    prefix: &Prefix,
    (there, newest): (&HashSet<String>, u64),
    page: &[Recorded],
    tally: &mut Tally,
) -> Result<(), Error> {
    let mut on_their_way = Vec::new();
    for event in page {
        let version = u64::try_from(event.version).unwrap_or_default();
        if there.contains(&deploy_event_message_id(event.app, version)) {
            tally.there += 1;
        } else {
            on_their_way.push(relay::send(jetstream, prefix, event).await?);
        }
    }
    for ack in on_their_way {
        let ack = ack.await?;
        match (ack.duplicate, ack.sequence > newest) {
            (false, _) => tally.published += 1,
            // The relay published it meanwhile.
            (true, true) => tally.there += 1,
            (true, false) => tally.withheld += 1,
        }
    }
    Ok(())
}

/// The ids of all that a stream has, on one subject or on all.
async fn ids(stream: &Stream, subject: Option<String>) -> Result<HashSet<String>, Error> {
    let config = pull::Config {
        filter_subject: subject.unwrap_or_default(),
        ack_policy: AckPolicy::None,
        headers_only: true,
        memory_storage: true,
        inactive_threshold: ABANDONED,
        ..pull::Config::default()
    };
    let consumer = stream.create_consumer(config).await.map_err(async_nats::Error::from)?;
    let mut left = consumer.cached_info().num_pending;
    let mut ids = HashSet::new();
    let mut messages = consumer.messages().await.map_err(async_nats::Error::from)?;
    while left > 0 {
        let next = timeout(PATIENCE, messages.next()).await.map_err(|_| Error::Silent)?;
        let Some(message) = next else { break };
        let message = message.map_err(async_nats::Error::from)?;
        left = message.info()?.pending;
        let id = message.headers.as_ref().and_then(|headers| headers.get(NATS_MESSAGE_ID));
        ids.extend(id.map(ToString::to_string));
    }
    Ok(ids)
}

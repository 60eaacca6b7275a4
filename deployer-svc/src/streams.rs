//! The streams of JetStream and the consumers on them, as `paas_proto::streams` describes them.
//!
//! `drift` says in what they differ, this file sets them up, `renew` makes them anew, `command` is `deployer-svc streams`.

pub mod command;
mod drift;
mod renew;

use async_nats::jetstream::{
    Context, ErrorCode,
    consumer::Info as ConsumerInfo,
    context::{ConsumerInfoErrorKind, GetStreamErrorKind},
    stream::{Config, Stream},
};
use paas_proto::streams::{DEPLOYER, Limits, Prefix, STATUSES};

pub use drift::{Drift, Mend};
pub use renew::{Renewable, renew};

/// Why a stream or a consumer is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The broker did not answer, or said no.
    #[error("JetStream, about {what}: {source}")]
    Broker {
        /// Which stream or consumer.
        what: String,
        /// What it said.
        source: async_nats::Error,
    },
    /// It is not there.
    #[error("{0}: run `deployer-svc migrate`")]
    Missing(Box<Drift>),
    /// Settings that can be put right.
    #[error("{}: run `deployer-svc streams apply`", list(.0))]
    Different(Vec<Drift>),
    /// What is not put right because it would take messages or copies away, or cannot be put right at all.
    #[error("{}", refusals(.0))]
    Refused(Vec<Drift>),
}

/// Whether messages or copies may be taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shrink {
    /// Nothing is ever lost: whoever really wants it says so.
    Refuse,
    /// Somebody said so.
    Allow,
}

/// Creates what is missing and corrects what may be corrected; nothing that is stored goes. Several processes may do so
/// at once.
pub async fn ensure(jetstream: &Context, prefix: &Prefix, limits: Limits) -> Result<(), Error> {
    apply(jetstream, prefix, limits, Shrink::Refuse).await
}

/// The same; with `Shrink::Allow` also what takes messages or copies away. What has to be refused keeps nothing else from
/// being done.
pub async fn apply(
    jetstream: &Context,
    prefix: &Prefix,
    limits: Limits,
    shrink: Shrink,
) -> Result<(), Error> {
    let mut refused = Vec::new();
    for wanted in prefix.configs(limits) {
        let name = wanted.name.clone();
        let stream = if let Some(stream) = find(jetstream, &name).await? {
            correct(jetstream, stream, &wanted, shrink, &mut refused).await?
        } else {
            tracing::info!(stream = name, "creating the stream");
            jetstream.create_stream(&wanted).await.map_err(|error| broker(&name, error))?
        };
        ensure_consumer(&stream, prefix, &name).await?;
    }
    if refused.is_empty() { Ok(()) } else { Err(Error::Refused(refused)) }
}

/// Fails when `ensure` would have something to do about what the deployer itself needs, and does nothing.
pub async fn check(jetstream: &Context, prefix: &Prefix, limits: Limits) -> Result<(), Error> {
    let mut drifts = differing(jetstream, prefix, limits, &[DEPLOYER]).await?;
    match drifts.iter().position(Drift::is_missing) {
        Some(missing) => Err(Error::Missing(Box::new(drifts.swap_remove(missing)))),
        None if drifts.is_empty() => Ok(()),
        None => Err(Error::Different(drifts)),
    }
}

/// Everything in which streams and consumers differ from what they must be.
pub async fn drifts(
    jetstream: &Context,
    prefix: &Prefix,
    limits: Limits,
) -> Result<Vec<Drift>, Error> {
    differing(jetstream, prefix, limits, &[DEPLOYER, STATUSES]).await
}

async fn differing(
    jetstream: &Context,
    prefix: &Prefix,
    limits: Limits,
    consumers: &[&str],
) -> Result<Vec<Drift>, Error> {
    let mut all = Vec::new();
    for wanted in prefix.configs(limits) {
        let name = wanted.name.clone();
        let Some(stream) = find(jetstream, &name).await? else {
            all.push(Drift::missing(&name, None));
            continue;
        };
        all.extend(drift::of_stream(stream.cached_info(), &wanted));
        let (reader, config) = prefix.consumer_of(&name);
        if consumers.contains(&reader) {
            all.extend(match consumer(&stream, &name, reader).await? {
                Some(info) => drift::of_consumer(&info, reader, &config),
                None => vec![Drift::missing(&name, Some(reader))],
            });
        }
    }
    Ok(all)
}

async fn find(jetstream: &Context, name: &str) -> Result<Option<Stream>, Error> {
    match jetstream.get_stream(name).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if is_not_found(&error.kind()) => Ok(None),
        Err(error) => Err(broker(name, error)),
    }
}

fn is_not_found(kind: &GetStreamErrorKind) -> bool {
    matches!(kind, GetStreamErrorKind::JetStream(error)
        if error.error_code() == ErrorCode::STREAM_NOT_FOUND)
}

async fn consumer(
    stream: &Stream,
    name: &str,
    reader: &str,
) -> Result<Option<ConsumerInfo>, Error> {
    match stream.consumer_info(reader).await {
        Ok(info) => Ok(Some(info)),
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => Ok(None),
        Err(error) => Err(broker(name, error)),
    }
}

async fn correct(
    jetstream: &Context,
    stream: Stream,
    wanted: &Config,
    shrink: Shrink,
    refused: &mut Vec<Drift>,
) -> Result<Stream, Error> {
    let found = drift::of_stream(stream.cached_info(), wanted);
    let (now, never): (Vec<_>, Vec<_>) = found.into_iter().partition(|drift| match drift.mend {
        Mend::Update | Mend::Recreate => true,
        Mend::Costs(_) => shrink == Shrink::Allow,
        Mend::Never => false,
    });
    refused.extend(never);
    if now.is_empty() {
        return Ok(stream);
    }
    tracing::info!(stream = wanted.name, settings = list(&now), "correcting the stream");
    let fields: Vec<_> = now.iter().map(|drift| drift.field).collect();
    let corrected = drift::corrected(stream.cached_info().config.clone(), wanted, &fields);
    jetstream.update_stream(&corrected).await.map_err(|error| broker(&wanted.name, error))?;
    jetstream.get_stream(&wanted.name).await.map_err(|error| broker(&wanted.name, error))
}

/// A consumer holds nothing but how far its readers are, and what comes again is known: one of the wrong kind goes.
async fn ensure_consumer(stream: &Stream, prefix: &Prefix, name: &str) -> Result<(), Error> {
    let (reader, config) = prefix.consumer_of(name);
    let info = consumer(stream, name, reader).await?;
    let found = info.as_ref().map(|info| drift::of_consumer(info, reader, &config));
    let missing = vec![Drift::missing(name, Some(reader))];
    let drifts = found.unwrap_or(missing);
    if drifts.is_empty() {
        return Ok(());
    }
    tracing::info!(
        stream = name,
        consumer = reader,
        settings = list(&drifts),
        "setting the consumer up"
    );
    if drifts.iter().any(|drift| drift.mend == Mend::Recreate) && info.is_some() {
        stream.delete_consumer(reader).await.map_err(|error| broker(name, error))?;
    } else if info.is_some_and(|info| info.paused) {
        stream.resume_consumer(reader).await.map_err(|error| broker(name, error))?;
    }
    stream.create_consumer(config).await.map_err(|error| broker(name, error))?;
    Ok(())
}

fn list(drifts: &[Drift]) -> String {
    drifts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn refusals(drifts: &[Drift]) -> String {
    let all = drifts.iter().map(|drift| format!("{drift}; {}", drift.remedy()));
    all.collect::<Vec<_>>().join("; ")
}

fn broker(what: &str, source: impl Into<async_nats::Error>) -> Error {
    Error::Broker { what: what.to_owned(), source: source.into() }
}

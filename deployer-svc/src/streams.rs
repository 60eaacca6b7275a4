//! The streams of JetStream and the deployer's consumers on them, as `paas_proto::streams` describes them.

use async_nats::jetstream::{
    Context, ErrorCode,
    consumer::{AckPolicy, pull},
    context::{ConsumerInfoErrorKind, GetStreamErrorKind},
    stream::{Config, Stream},
};
use paas_proto::streams::{DEPLOYER, Limits, Prefix, consumer_config};

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
    #[error("{0} is missing: run `deployer-svc migrate`")]
    Missing(String),
    /// Settings that `migrate` can put right.
    #[error("{what} differs in {settings}: run `deployer-svc migrate`")]
    Different {
        /// Which stream or consumer.
        what: String,
        /// In what.
        settings: String,
    },
    /// Settings that nobody can put right while the stream holds messages.
    #[error(
        "{what} differs in {settings}, which cannot be changed: move its messages away, delete it and run `deployer-svc migrate`"
    )]
    Unchangeable {
        /// Which stream.
        what: String,
        /// In what.
        settings: String,
    },
    /// Less room than is taken.
    #[error("{what} holds {held} bytes, more than the {wanted} it is to be limited to")]
    TooSmall {
        /// Which stream.
        what: String,
        /// What it holds.
        held: u64,
        /// What was asked for.
        wanted: i64,
    },
}

/// Creates what is missing and corrects what may be corrected. Several processes may do so at once.
pub async fn ensure(jetstream: &Context, prefix: &Prefix, limits: Limits) -> Result<(), Error> {
    for wanted in prefix.configs(limits) {
        let name = wanted.name.clone();
        let stream = if let Some(stream) = find(jetstream, &name).await? {
            correct(jetstream, stream, &wanted).await?
        } else {
            tracing::info!(stream = name, "creating the stream");
            jetstream.create_stream(&wanted).await.map_err(|error| broker(&name, error))?
        };
        if name != prefix.deploys() {
            ensure_consumer(&stream, &name).await?;
        }
    }
    Ok(())
}

/// Says what `ensure` would have to do, and does nothing.
pub async fn check(jetstream: &Context, prefix: &Prefix, limits: Limits) -> Result<(), Error> {
    for wanted in prefix.configs(limits) {
        let what = format!("the stream {}", wanted.name);
        let Some(stream) = find(jetstream, &wanted.name).await? else {
            return Err(Error::Missing(what));
        };
        if let Some(settings) = names(&differences(&stream.cached_info().config, &wanted)) {
            return Err(Error::Different { what, settings });
        }
        if wanted.name != prefix.deploys() {
            let what = format!("the consumer {DEPLOYER} of {what}");
            match consumer_differences(&stream, &wanted.name).await? {
                None => return Err(Error::Missing(what)),
                Some(found) => {
                    if let Some(settings) = names(&found) {
                        return Err(Error::Different { what, settings });
                    }
                }
            }
        }
    }
    Ok(())
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

async fn correct(jetstream: &Context, stream: Stream, wanted: &Config) -> Result<Stream, Error> {
    let info = stream.cached_info();
    let found = &info.config;
    let what = || format!("the stream {}", wanted.name);
    if let Some(settings) = names(&lasting_differences(found, wanted)) {
        return Err(Error::Unchangeable { what: what(), settings });
    }
    let Some(settings) = names(&differences(found, wanted)) else { return Ok(stream) };
    if u64::try_from(wanted.max_bytes).is_ok_and(|room| room > 0 && room < info.state.bytes) {
        return Err(Error::TooSmall {
            what: what(),
            held: info.state.bytes,
            wanted: wanted.max_bytes,
        });
    }
    tracing::info!(stream = wanted.name, settings, "correcting the stream");
    let corrected = corrected(found.clone(), wanted);
    jetstream.update_stream(&corrected).await.map_err(|error| broker(&wanted.name, error))?;
    jetstream.get_stream(&wanted.name).await.map_err(|error| broker(&wanted.name, error))
}

async fn ensure_consumer(stream: &Stream, name: &str) -> Result<(), Error> {
    match consumer_differences(stream, name).await? {
        Some(found) if found.is_empty() => Ok(()),
        missing_or_different => {
            let settings = names(&missing_or_different.unwrap_or_default());
            tracing::info!(stream = name, consumer = DEPLOYER, settings, "setting the consumer up");
            stream.create_consumer(consumer_config()).await.map_err(|error| broker(name, error))?;
            Ok(())
        }
    }
}

/// `None` where there is no consumer.
async fn consumer_differences(
    stream: &Stream,
    name: &str,
) -> Result<Option<Vec<&'static str>>, Error> {
    let info = match stream.consumer_info(DEPLOYER).await {
        Ok(info) => info,
        Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(broker(name, error)),
    };
    let (found, wanted): (_, pull::Config) = (info.config, consumer_config());
    let differ = [
        ("its kind", found.deliver_subject.is_some() || found.ack_policy != AckPolicy::Explicit),
        ("ack_wait", found.ack_wait != wanted.ack_wait),
        ("max_ack_pending", found.max_ack_pending != wanted.max_ack_pending),
        ("max_deliver", found.max_deliver > 0),
        ("its filter", !found.filter_subject.is_empty() || !found.filter_subjects.is_empty()),
    ];
    Ok(Some(differing(differ)))
}

/// What the broker refuses to change.
fn lasting_differences(found: &Config, wanted: &Config) -> Vec<&'static str> {
    differing([
        ("retention", found.retention != wanted.retention),
        ("storage", found.storage != wanted.storage),
    ])
}

fn differences(found: &Config, wanted: &Config) -> Vec<&'static str> {
    let mut all = lasting_differences(found, wanted);
    all.extend(differing([
        ("subjects", found.subjects != wanted.subjects),
        ("max_age", found.max_age != wanted.max_age),
        ("max_bytes", unlimited(found.max_bytes) != unlimited(wanted.max_bytes)),
        (
            "max_msgs_per_subject",
            unlimited(found.max_messages_per_subject) != unlimited(wanted.max_messages_per_subject),
        ),
        (
            "max_msg_size",
            unlimited(found.max_message_size.into()) != unlimited(wanted.max_message_size.into()),
        ),
        ("discard", found.discard != wanted.discard),
        (
            "discard_new_per_subject",
            found.discard_new_per_subject != wanted.discard_new_per_subject,
        ),
        ("duplicate_window", found.duplicate_window != wanted.duplicate_window),
        ("num_replicas", found.num_replicas.max(1) != wanted.num_replicas.max(1)),
        ("sealed", found.sealed),
        ("no_ack", found.no_ack),
    ]));
    all
}

/// What operators set beyond our settings stays.
fn corrected(found: Config, wanted: &Config) -> Config {
    Config {
        subjects: wanted.subjects.clone(),
        max_age: wanted.max_age,
        max_bytes: wanted.max_bytes,
        max_messages_per_subject: wanted.max_messages_per_subject,
        max_message_size: wanted.max_message_size,
        discard: wanted.discard,
        discard_new_per_subject: wanted.discard_new_per_subject,
        duplicate_window: wanted.duplicate_window,
        num_replicas: wanted.num_replicas,
        no_ack: false,
        ..found
    }
}

/// The broker says -1 where a setting was left at 0.
fn unlimited(limit: i64) -> i64 {
    limit.max(0)
}

fn differing<const N: usize>(settings: [(&'static str, bool); N]) -> Vec<&'static str> {
    settings.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}

fn names(settings: &[&str]) -> Option<String> {
    (!settings.is_empty()).then(|| settings.join(", "))
}

fn broker(what: &str, source: impl Into<async_nats::Error>) -> Error {
    Error::Broker { what: what.to_owned(), source: source.into() }
}

#[cfg(test)]
mod tests {
    use async_nats::jetstream::stream::{DiscardPolicy, RetentionPolicy};

    use super::*;

    fn pushes() -> Config {
        let [pushes, ..] = Prefix::default().configs(Limits::default());
        pushes
    }

    #[test]
    fn what_the_broker_fills_in_is_no_difference() {
        let found = Config { max_messages: -1, max_consumers: -1, num_replicas: 1, ..pushes() };
        assert!(differences(&found, &pushes()).is_empty());
    }

    #[test]
    fn a_correction_leaves_what_operators_set() {
        let found = Config {
            description: Some("ours".to_owned()),
            max_bytes: 7,
            discard: DiscardPolicy::Old,
            ..pushes()
        };
        assert_eq!(differences(&found, &pushes()), ["max_bytes", "discard"]);
        let corrected = corrected(found, &pushes());
        assert!(differences(&corrected, &pushes()).is_empty());
        assert_eq!(corrected.description.as_deref(), Some("ours"));
    }

    #[test]
    fn work_queue_retention_cannot_be_corrected() {
        let found = Config { retention: RetentionPolicy::WorkQueue, ..pushes() };
        assert_eq!(lasting_differences(&found, &pushes()), ["retention"]);
    }
}

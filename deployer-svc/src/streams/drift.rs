//! In what a stream or a consumer differs from what it must be, field by field, and what putting that right would cost.

#[cfg(test)]
mod tests;

use std::{fmt, time::Duration};

use async_nats::jetstream::{
    consumer::{Config as ConsumerConfig, Info as ConsumerInfo, IntoConsumerConfig as _, pull},
    stream::{Config, Info, PersistenceMode},
};
use jiff::Timestamp;
use serde::Serialize;

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The stream.
    pub stream: String,
    /// The consumer on it, where it is the consumer that differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consumer: Option<&'static str>,
    /// The setting, as the broker's tools call it; `existence` for what is missing.
    pub field: &'static str,
    /// As it is.
    pub found: String,
    /// As it must be.
    pub wanted: String,
    /// How it can be put right.
    pub mend: Mend,
}

/// What putting a difference right takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mend {
    /// Nothing is lost.
    Update,
    /// It is made anew; only how far its readers are is lost, and what comes again changes nothing.
    Recreate,
    /// What is stored would be lost: done only on demand.
    Costs(String),
    /// The broker refuses to change it.
    Never,
}

impl Drift {
    /// A stream, or a consumer on it, that is not there.
    pub(super) fn missing(stream: &str, consumer: Option<&'static str>) -> Self {
        let (found, wanted) = ("missing".to_owned(), "there".to_owned());
        let (stream, mend) = (stream.to_owned(), Mend::Update);
        Self { stream, consumer, field: "existence", found, wanted, mend }
    }

    /// Whether the whole is missing.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        self.field == "existence"
    }

    /// What to do about it, in one line.
    #[must_use]
    pub fn remedy(&self) -> String {
        match &self.mend {
            Mend::Update | Mend::Recreate => "run `deployer-svc streams apply`".to_owned(),
            Mend::Costs(what) => format!(
                "correct STREAM_REPLICAS or MAX_PUSHES_BYTES; or run `deployer-svc streams apply --shrink`, which takes {what}"
            ),
            Mend::Never => format!(
                "it cannot be changed: once nothing waits in it, delete the stream (`nats stream rm {}`) and run `deployer-svc streams apply`",
                self.stream
            ),
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.consumer {
            Some(consumer) => write!(f, "the consumer {consumer} of {}", self.stream)?,
            None => write!(f, "the stream {}", self.stream)?,
        }
        if self.is_missing() {
            return write!(f, " is missing");
        }
        write!(f, ": {} is {}, must be {}", self.field, self.found, self.wanted)
    }
}

/// Collects the fields that differ.
struct Found<'a> {
    stream: &'a str,
    consumer: Option<&'static str>,
    drifts: Vec<Drift>,
}

impl Found<'_> {
    fn add(&mut self, field: &'static str, found: String, wanted: String, mend: Mend) {
        if found != wanted {
            let (stream, consumer) = (self.stream.to_owned(), self.consumer);
            self.drifts.push(Drift { stream, consumer, field, found, wanted, mend });
        }
    }
}

/// Every setting of ours that a stream has otherwise.
pub(super) fn of_stream(info: &Info, wanted: &Config) -> Vec<Drift> {
    let (found, state) = (&info.config, &info.state);
    let mut all = Found { stream: &wanted.name, consumer: None, drifts: Vec::new() };
    let mut fixed = |field, found: String, wanted: String| {
        all.add(field, found, wanted, Mend::Never);
    };
    fixed("retention", word(&found.retention), word(&wanted.retention));
    fixed("storage", word(&found.storage), word(&wanted.storage));
    fixed("persist_mode", persistence(found), persistence(wanted));
    fixed("mirror", is_set(found.mirror.is_some()), is_set(wanted.mirror.is_some()));
    fixed("sealed", found.sealed.to_string(), wanted.sealed.to_string());

    let (is, must) = (found.num_replicas.max(1), wanted.num_replicas.max(1));
    let mend =
        if must < is { Mend::Costs(format!("{} of {is} copies", is - must)) } else { Mend::Update };
    all.add("num_replicas", is.to_string(), must.to_string(), mend);

    let room = u64::try_from(wanted.max_bytes).unwrap_or_default();
    let too_small = room > 0 && room < state.bytes;
    let loss = format!("the oldest messages away: it holds {} bytes", state.bytes);
    all.add("max_bytes", limit(found.max_bytes), limit(wanted.max_bytes), cost(too_small, loss));

    let oldest = age(state.first_timestamp.unix_timestamp());
    let too_old = state.messages > 0 && !wanted.max_age.is_zero() && oldest > wanted.max_age;
    let loss = format!("messages away that are older than {}", time(wanted.max_age));
    all.add("max_age", time(found.max_age), time(wanted.max_age), cost(too_old, loss));

    // The most that one subject can hold, when all others hold one message each.
    let fullest = state.messages.saturating_sub(state.subjects_count.saturating_sub(1));
    let cap = wanted.max_messages_per_subject;
    let too_many = cap > 0 && u64::try_from(cap).is_ok_and(|cap| cap < fullest);
    let loss = "away what one app has beyond that".to_owned();
    all.add(
        "max_msgs_per_subject",
        limit(found.max_messages_per_subject),
        limit(cap),
        cost(too_many, loss),
    );

    let mut free = |field, found: String, wanted: String| {
        all.add(field, found, wanted, Mend::Update);
    };
    free("subjects", found.subjects.join(","), wanted.subjects.join(","));
    free("max_msgs", limit(found.max_messages), limit(wanted.max_messages));
    free(
        "max_msg_size",
        limit(found.max_message_size.into()),
        limit(wanted.max_message_size.into()),
    );
    free("max_consumers", limit(found.max_consumers.into()), limit(wanted.max_consumers.into()));
    free("discard", word(&found.discard), word(&wanted.discard));
    free(
        "discard_new_per_subject",
        found.discard_new_per_subject.to_string(),
        wanted.discard_new_per_subject.to_string(),
    );
    free("duplicate_window", time(found.duplicate_window), time(wanted.duplicate_window));
    free("no_ack", found.no_ack.to_string(), wanted.no_ack.to_string());
    free(
        "subject_transform",
        is_set(found.subject_transform.is_some()),
        is_set(wanted.subject_transform.is_some()),
    );
    all.drifts
}

/// `found` with those settings of ours that are to be put right; what operators set beyond them stays.
pub(super) fn corrected(found: Config, wanted: &Config, fields: &[&str]) -> Config {
    let mut corrected = found;
    for field in fields {
        match *field {
            "num_replicas" => corrected.num_replicas = wanted.num_replicas,
            "max_bytes" => corrected.max_bytes = wanted.max_bytes,
            "max_age" => corrected.max_age = wanted.max_age,
            "max_msgs_per_subject" => {
                corrected.max_messages_per_subject = wanted.max_messages_per_subject;
            }
            "subjects" => corrected.subjects.clone_from(&wanted.subjects),
            "max_msgs" => corrected.max_messages = wanted.max_messages,
            "max_msg_size" => corrected.max_message_size = wanted.max_message_size,
            "max_consumers" => corrected.max_consumers = wanted.max_consumers,
            "discard" => corrected.discard = wanted.discard,
            "discard_new_per_subject" => {
                corrected.discard_new_per_subject = wanted.discard_new_per_subject;
            }
            "duplicate_window" => corrected.duplicate_window = wanted.duplicate_window,
            "no_ack" => corrected.no_ack = wanted.no_ack,
            "subject_transform" => {
                corrected.subject_transform.clone_from(&wanted.subject_transform);
            }
            _ => {}
        }
    }
    // The broker takes the one only with the other.
    if fields.contains(&"discard") {
        corrected.discard_new_per_subject = wanted.discard_new_per_subject;
    }
    corrected
}

/// Every setting of ours that a consumer has otherwise.
pub(super) fn of_consumer(
    info: &ConsumerInfo,
    name: &'static str,
    wanted: &pull::Config,
) -> Vec<Drift> {
    let (found, wanted): (_, ConsumerConfig) =
        (&info.config, wanted.clone().into_consumer_config());
    let stream = info.stream_name.as_str();
    let mut all = Found { stream, consumer: Some(name), drifts: Vec::new() };
    let mut kind = |field, found: String, wanted: String| {
        all.add(field, found, wanted, Mend::Recreate);
    };
    kind("deliver_subject", is_set(found.deliver_subject.is_some()), is_set(false));
    kind("ack_policy", word(&found.ack_policy), word(&wanted.ack_policy));
    kind("deliver_policy", word(&found.deliver_policy), word(&wanted.deliver_policy));
    kind("replay_policy", word(&found.replay_policy), word(&wanted.replay_policy));
    let mut free = |field, found: String, wanted: String| {
        all.add(field, found, wanted, Mend::Update);
    };
    free("ack_wait", time(found.ack_wait), time(wanted.ack_wait));
    free("max_ack_pending", found.max_ack_pending.to_string(), wanted.max_ack_pending.to_string());
    free("max_deliver", limit(found.max_deliver), limit(wanted.max_deliver));
    free("filter_subjects", filter(found), filter(&wanted));
    free("headers_only", found.headers_only.to_string(), wanted.headers_only.to_string());
    free("paused", info.paused.to_string(), false.to_string());
    all.drifts
}

fn cost(lost: bool, what: String) -> Mend {
    if lost { Mend::Costs(what) } else { Mend::Update }
}

fn filter(config: &ConsumerConfig) -> String {
    let one = Some(&config.filter_subject).filter(|filter| !filter.is_empty());
    let all: Vec<&str> =
        one.into_iter().chain(&config.filter_subjects).map(String::as_str).collect();
    if all.is_empty() { "none".to_owned() } else { all.join(",") }
}

fn persistence(config: &Config) -> String {
    word(&config.persist_mode.unwrap_or(PersistenceMode::Default))
}

/// The broker says -1 where a setting was left at 0.
fn limit(limit: i64) -> String {
    if limit > 0 { limit.to_string() } else { "unlimited".to_owned() }
}

/// A setting that is an enum, as the broker's tools write it.
fn word(value: &impl fmt::Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn is_set(set: bool) -> String {
    if set { "set" } else { "unset" }.to_owned()
}

fn time(time: Duration) -> String {
    if time.is_zero() { "unlimited".to_owned() } else { format!("{time:?}") }
}

/// How long ago that was.
fn age(unix_seconds: i64) -> Duration {
    let seconds = Timestamp::now().as_second().saturating_sub(unix_seconds);
    Duration::from_secs(u64::try_from(seconds).unwrap_or_default())
}

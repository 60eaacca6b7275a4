//! The JetStream streams: names, subjects and settings, as both ends expect them.
//!
//! Limits retention everywhere: with work-queue retention the broker forgets an acknowledged message's id when it
//! restarts, and would store the same push again.

use std::{fmt, str::FromStr, time::Duration};

use async_nats::jetstream::{
    consumer::{self, AckPolicy, DeliverPolicy, pull},
    stream::{Config, DiscardPolicy, RetentionPolicy, StorageType},
};
use uuid::Uuid;

use crate::events::Provider;

const DAY: Duration = Duration::from_hours(24);
/// GitHub lets a delivery be sent again for three days.
const DUPLICATE_WINDOW: Duration = Duration::from_hours(72);
/// A normalised push, with its bounded list of paths, stays well below.
const MAX_MESSAGE_BYTES: i32 = 256 * 1024;
/// One noisy app fills its own share, never the stream.
const MAX_PUSHES_PER_APP: i64 = 10_000;

/// Durable consumer of PUSHES and of BUILDS.
pub const DEPLOYER: &str = "deployer";
/// Durable consumer of DEPLOYS, from which the ingress tells the providers how deploys are getting on.
pub const STATUSES: &str = "statuses";

/// Keeps several installations, or tests, apart on one broker. Empty in production.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefix(String);

/// A prefix with characters that a subject may not have.
#[derive(Debug, thiserror::Error)]
#[error("a stream prefix is at most 32 letters, digits, `-` or `_`, or empty")]
pub struct InvalidPrefix;

impl FromStr for Prefix {
    type Err = InvalidPrefix;

    fn from_str(text: &str) -> Result<Self, InvalidPrefix> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if text.len() <= 32 && text.chars().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidPrefix)
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much the streams may hold, and how often they are kept.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Servers that keep a copy: 1 in development, 3 in production.
    pub replicas: usize,
    /// Bytes that PUSHES may hold; a full stream makes 503s, it never loses a push.
    pub max_pushes_bytes: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { replicas: 1, max_pushes_bytes: 1 << 30 }
    }
}

impl Prefix {
    /// Name of the stream of pushes.
    #[must_use]
    pub fn pushes(&self) -> String {
        self.stream("PUSHES")
    }

    /// Name of the stream of build reports.
    #[must_use]
    pub fn builds(&self) -> String {
        self.stream("BUILDS")
    }

    /// Name of the stream of recorded events.
    #[must_use]
    pub fn deploys(&self) -> String {
        self.stream("DEPLOYS")
    }

    /// Where the pushes of an app are published.
    #[must_use]
    pub fn push_subject(&self, provider: Provider, app: Uuid) -> String {
        self.subject(&format!("push.v1.{}.{app}", provider.name()))
    }

    /// Where the pushes of an app are published, whichever its provider.
    #[must_use]
    pub fn pushes_of(&self, app: Uuid) -> String {
        self.subject(&format!("push.v1.*.{app}"))
    }

    /// Where the build reports of an app are published.
    #[must_use]
    pub fn build_subject(&self, app: Uuid) -> String {
        self.subject(&format!("build.v1.{app}"))
    }

    /// Where the recorded events of an app are published.
    #[must_use]
    pub fn deploy_subject(&self, app: Uuid) -> String {
        self.subject(&format!("deploy.v1.{app}"))
    }

    fn stream(&self, name: &str) -> String {
        if self.0.is_empty() { name.to_owned() } else { format!("{}_{name}", self.0) }
    }

    fn subject(&self, name: &str) -> String {
        if self.0.is_empty() { name.to_owned() } else { format!("{}.{name}", self.0) }
    }

    /// The three streams as they must be set up.
    #[must_use]
    pub fn configs(&self, limits: Limits) -> [Config; 3] {
        let pushes = Config {
            name: self.pushes(),
            subjects: vec![self.subject("push.v1.*.*")],
            max_age: 14 * DAY,
            max_bytes: limits.max_pushes_bytes,
            max_messages_per_subject: MAX_PUSHES_PER_APP,
            discard: DiscardPolicy::New,
            discard_new_per_subject: true,
            duplicate_window: DUPLICATE_WINDOW,
            ..base(limits)
        };
        let builds = Config {
            name: self.builds(),
            subjects: vec![self.subject("build.v1.*")],
            max_age: 3 * DAY,
            max_bytes: limits.max_pushes_bytes / 4,
            max_messages_per_subject: MAX_PUSHES_PER_APP,
            discard: DiscardPolicy::New,
            discard_new_per_subject: true,
            duplicate_window: Duration::from_mins(2),
            ..base(limits)
        };
        // The copy for watchers: Postgres has the truth, so the oldest goes when it is full and the relay never stalls.
        let deploys = Config {
            name: self.deploys(),
            subjects: vec![self.subject("deploy.v1.*")],
            max_age: 14 * DAY,
            max_bytes: limits.max_pushes_bytes,
            discard: DiscardPolicy::Old,
            duplicate_window: DUPLICATE_WINDOW,
            ..base(limits)
        };
        [pushes, builds, deploys]
    }
}

fn base(limits: Limits) -> Config {
    Config {
        retention: RetentionPolicy::Limits,
        storage: StorageType::File,
        num_replicas: limits.replicas,
        max_message_size: MAX_MESSAGE_BYTES,
        ..Config::default()
    }
}

impl Prefix {
    /// The durable consumer of one of the three streams.
    #[must_use]
    pub fn consumer_of(&self, stream: &str) -> (&'static str, pull::Config) {
        if stream == self.deploys() {
            (STATUSES, statuses_config())
        } else {
            (DEPLOYER, consumer_config())
        }
    }
}

/// The consumer behind the commit statuses, of whichever replica asks first.
///
/// It begins with what happens after it was made: nobody waits for the status of what ended before. Each message waits as
/// long as two requests to a provider.
#[must_use]
pub fn statuses_config() -> pull::Config {
    pull::Config {
        durable_name: Some(STATUSES.to_owned()),
        ack_wait: Duration::from_secs(30),
        // Of a provider that is away, this many wait before the others' do.
        max_ack_pending: 4096,
        deliver_policy: DeliverPolicy::New,
        ..consumer_config()
    }
}

/// The deployer's durable consumer: explicit ack, no `max_deliver` (what can never work goes to the dead letters).
#[must_use]
pub fn consumer_config() -> pull::Config {
    pull::Config {
        durable_name: Some(DEPLOYER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(15),
        max_ack_pending: 256,
        deliver_policy: DeliverPolicy::All,
        replay_policy: consumer::ReplayPolicy::Instant,
        ..pull::Config::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_keeps_streams_and_subjects_apart() {
        let prefix: Prefix = "t1".parse().unwrap();
        assert_eq!(prefix.pushes(), "t1_PUSHES");
        assert_eq!(
            prefix.push_subject(Provider::Github, Uuid::nil()),
            format!("t1.push.v1.github.{}", Uuid::nil())
        );
        assert_eq!(
            Prefix::default().build_subject(Uuid::nil()),
            format!("build.v1.{}", Uuid::nil())
        );
        assert!("a.b".parse::<Prefix>().is_err());
    }

    #[test]
    fn each_stream_has_its_consumer() {
        let prefix: Prefix = "t1".parse().unwrap();
        for (stream, consumer) in
            [(prefix.pushes(), DEPLOYER), (prefix.builds(), DEPLOYER), (prefix.deploys(), STATUSES)]
        {
            let (name, config) = prefix.consumer_of(&stream);
            assert_eq!((name, config.durable_name.as_deref()), (consumer, Some(consumer)));
        }
    }

    #[test]
    fn a_full_stream_of_pushes_refuses_and_never_forgets() {
        let [pushes, ..] = Prefix::default().configs(Limits::default());
        assert_eq!(pushes.discard, DiscardPolicy::New);
        assert!(pushes.discard_new_per_subject);
        assert!(pushes.duplicate_window <= pushes.max_age);
    }
}

//! How many deliveries that were not authentic came of late, by client address and by app. Beyond a limit nobody is
//! shut out: the sender's deliveries, or the app's, are no longer looked up one by one but together (`shared_lookups`),
//! so a flood costs the database a few queries a second however large it is. Each is still held against the app's
//! secrets, as they stand in the database after it came: an authentic one is taken in as ever, whoever floods its app or
//! shares its address, and only one that is known not to be is answered 429.
//!
//! So only failures count, and a count never decides an answer by itself. Memory is bounded: where there are too many
//! addresses to count, those that have no count yet are treated as if they were beyond it.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use uuid::Uuid;

use crate::metrics::Limit;

const WINDOW: Duration = Duration::from_mins(1);
/// Addresses, or apps, that are counted at one time.
const MAX_COUNTED: usize = 65_536;
/// How often those are forgotten that have been quiet for a while.
const SWEEP_EVERY: Duration = Duration::from_secs(10);

/// A limit that is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exceeded {
    /// Which.
    pub(crate) limit: Limit,
    /// When the next failure will be within it again.
    pub(crate) retry_after: Duration,
}

/// Both counts.
#[derive(Debug)]
pub(crate) struct Failures {
    addresses: Count<IpAddr>,
    apps: Count<Uuid>,
}

impl Failures {
    /// So many failures a minute, at once or spread; 0 counts none.
    pub(crate) fn new(per_address: u32, per_app: u32) -> Self {
        Self { addresses: Count::new(per_address), apps: Count::new(per_app) }
    }

    /// The limit that this client or this app has exceeded.
    pub(crate) fn exceeded(&self, client: IpAddr, app: Option<Uuid>) -> Option<Exceeded> {
        let now = Instant::now();
        let of_address = || {
            let retry_after = self.addresses.wait(&network(client), now)?;
            Some(Exceeded { limit: Limit::Address, retry_after })
        };
        let of_app = || {
            let retry_after = self.apps.wait(&app?, now)?;
            Some(Exceeded { limit: Limit::App, retry_after })
        };
        of_address().or_else(of_app)
    }

    /// A delivery was not authentic.
    pub(crate) fn record(&self, client: IpAddr, app: Option<Uuid>) {
        let now = Instant::now();
        self.addresses.record(network(client), now);
        if let Some(app) = app {
            self.apps.record(app, now);
        }
    }
}

/// Whoever has one IPv6 address has all of its /64.
fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => {
            let mut octets = address.octets();
            octets[8..].fill(0);
            octets.into()
        }
    }
}

/// Counts in a minute that glides: each failure is forgotten `WINDOW / limit` after the one before it.
#[derive(Debug)]
struct Count<K> {
    limit: u32,
    counted: Mutex<Counted<K>>,
}

#[derive(Debug)]
struct Counted<K> {
    /// When the last failure of each will be forgotten.
    until: HashMap<K, Instant>,
    swept: Instant,
}

impl<K: Eq + Hash> Count<K> {
    fn new(limit: u32) -> Self {
        let counted = Counted { until: HashMap::new(), swept: Instant::now() };
        Self { limit, counted: Mutex::new(counted) }
    }

    /// How long until another failure is within the limit; `None` when it is now.
    fn wait(&self, key: &K, now: Instant) -> Option<Duration> {
        let step = self.step()?;
        let counted = self.counted();
        match counted.until.get(key) {
            Some(until) => (*until + step).checked_duration_since(now + WINDOW),
            None => (counted.until.len() >= MAX_COUNTED).then_some(step),
        }
        .filter(|wait| !wait.is_zero())
    }

    fn record(&self, key: K, now: Instant) {
        let Some(step) = self.step() else { return };
        let mut counted = self.counted();
        if now.saturating_duration_since(counted.swept) >= SWEEP_EVERY {
            counted.until.retain(|_, until| *until > now);
            counted.swept = now;
        }
        if counted.until.len() >= MAX_COUNTED && !counted.until.contains_key(&key) {
            return;
        }
        let until = counted.until.entry(key).or_insert(now);
        *until = ((*until).max(now) + step).min(now + WINDOW);
    }

    fn step(&self) -> Option<Duration> {
        WINDOW.checked_div(self.limit)
    }

    fn counted(&self) -> MutexGuard<'_, Counted<K>> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_reached_at_once_and_recovers_by_and_by() {
        let (count, start) = (Count::new(60), Instant::now());
        for _ in 0..60 {
            assert_eq!(count.wait(&"a", start), None);
            count.record("a", start);
        }
        assert_eq!(count.wait(&"a", start), Some(Duration::from_secs(1)));
        assert_eq!(count.wait(&"b", start), None, "another one");
        let later = start + Duration::from_secs(1);
        assert_eq!(count.wait(&"a", later), None);
        count.record("a", later);
        assert!(count.wait(&"a", later).is_some());
        assert_eq!(count.wait(&"a", start + 3 * WINDOW), None);
    }

    #[test]
    fn zero_counts_nothing() {
        let (count, now) = (Count::new(0), Instant::now());
        (0..10_000).for_each(|_| count.record("a", now));
        assert_eq!(count.wait(&"a", now), None);
        assert!(count.counted().until.is_empty());
    }

    #[test]
    fn more_than_can_be_counted_are_beyond_the_limit() {
        let (count, now) = (Count::new(60), Instant::now());
        (0..MAX_COUNTED).for_each(|address| count.record(address, now));
        assert_eq!(count.wait(&0, now), None, "counted, and within the limit");
        count.record(MAX_COUNTED, now);
        assert_eq!(count.counted().until.len(), MAX_COUNTED);
        assert!(count.wait(&MAX_COUNTED, now).is_some());
        let later = now + SWEEP_EVERY;
        count.record(MAX_COUNTED, later);
        assert_eq!(count.counted().until.len(), 1, "the quiet ones are forgotten");
        assert_eq!(count.wait(&0, later), None);
    }

    #[test]
    fn an_ipv6_client_is_its_network() {
        let failures = Failures::new(1, 0);
        failures.record("2001:db8::1".parse().unwrap(), None);
        let exceeded = failures.exceeded("2001:db8::2".parse().unwrap(), None).unwrap();
        assert_eq!(exceeded.limit, Limit::Address);
        assert_eq!(failures.exceeded("2001:db8:0:1::1".parse().unwrap(), None), None);
    }

    #[test]
    fn a_flood_of_one_app_concerns_no_other() {
        let failures = Failures::new(0, 1);
        let (flooded, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        failures.record("192.0.2.1".parse().unwrap(), Some(flooded));
        let elsewhere = "192.0.2.2".parse().unwrap();
        let exceeded = failures.exceeded(elsewhere, Some(flooded)).unwrap();
        assert_eq!(exceeded.limit, Limit::App);
        assert_eq!(failures.exceeded(elsewhere, Some(other)), None);
    }
}

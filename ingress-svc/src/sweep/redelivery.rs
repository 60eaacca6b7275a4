//! Which failed deliveries GitHub is to attempt again. It never does by itself, and can for three days
//! (<https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks>).

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use git_providers::{Delivery, Outcome};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

const POSSIBLE_FOR: SignedDuration = SignedDuration::from_hours(71);
/// Of one delivery: what fails so often fails for a reason, and its push is found by the branch's head.
const MOST_ATTEMPTS: usize = 3;
/// An attempt shows in the list once it has ended: for so long none is asked for again.
const UNDERWAY_FOR: Duration = Duration::from_secs(30);

/// What was asked for lately, by the deliveries' guids.
#[derive(Debug, Default)]
pub(super) struct Asked(Mutex<HashMap<String, Instant>>);

impl Asked {
    /// The attempts to repeat, oldest first; they count as asked for from now on.
    pub(super) fn due(&self, list: Vec<Delivery>) -> Vec<u64> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|_, at| at.elapsed() < UNDERWAY_FOR);
        let mut due = failed(list, Timestamp::now());
        due.retain(|delivery| asked.insert(delivery.guid.clone(), Instant::now()).is_none());
        due.into_iter().map(|delivery| delivery.id).collect()
    }
}

/// The last attempt at each push of which none arrived, oldest first.
fn failed(list: Vec<Delivery>, now: Timestamp) -> Vec<Delivery> {
    let mut by_guid: HashMap<String, Vec<Delivery>> = HashMap::new();
    for attempt in list.into_iter().filter(|attempt| attempt.event == "push") {
        by_guid.entry(attempt.guid.clone()).or_default().push(attempt);
    }
    let is_due = |attempts: &Vec<Delivery>| {
        let is_possible = |one: &Delivery| now.duration_since(one.delivered_at) < POSSIBLE_FOR;
        attempts.len() < MOST_ATTEMPTS
            && attempts.iter().all(|one| one.outcome == Outcome::Failed && is_possible(one))
    };
    let mut due: Vec<Delivery> = by_guid
        .into_values()
        .filter(is_due)
        .filter_map(|attempts| attempts.into_iter().max_by_key(|one| one.delivered_at))
        .collect();
    due.sort_by_key(|one| (one.delivered_at, one.id));
    due
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 10_000_000;

    fn attempt(id: u64, guid: &str, seconds_ago: i64, outcome: Outcome) -> Delivery {
        Delivery {
            id,
            guid: guid.to_owned(),
            event: "push".to_owned(),
            delivered_at: Timestamp::from_second(NOW - seconds_ago).unwrap(),
            outcome,
            status_code: 0,
        }
    }

    fn due(list: &[Delivery]) -> Vec<u64> {
        let now = Timestamp::from_second(NOW).unwrap();
        failed(list.to_vec(), now).into_iter().map(|delivery| delivery.id).collect()
    }

    use Outcome::{Delivered, Failed};

    #[test]
    fn pushes_that_never_arrived_are_due_in_their_order() {
        let list = [
            attempt(3, "c", 10, Failed),
            attempt(2, "b", 20, Delivered),
            attempt(1, "a", 30, Failed),
        ];
        assert_eq!(due(&list), [1, 3]);
    }

    #[test]
    fn one_that_arrived_at_last_is_not_due() {
        let list = [attempt(2, "a", 10, Delivered), attempt(1, "a", 20, Failed)];
        assert_eq!(due(&list), [] as [u64; 0]);
    }

    #[test]
    fn the_last_attempt_is_repeated_and_not_for_ever() {
        let twice = [attempt(2, "a", 10, Failed), attempt(1, "a", 20, Failed)];
        assert_eq!(due(&twice), [2]);
        let often = [twice.to_vec(), vec![attempt(3, "a", 5, Failed)]].concat();
        assert_eq!(due(&often), [] as [u64; 0]);
    }

    #[test]
    fn what_github_does_not_keep_and_what_is_no_push_is_left() {
        let old = attempt(1, "a", 4 * 24 * 3600, Failed);
        let ping = Delivery { event: "ping".to_owned(), ..attempt(2, "b", 10, Failed) };
        assert_eq!(due(&[old, ping]), [] as [u64; 0]);
    }

    #[test]
    fn nothing_is_asked_for_again_while_it_may_be_underway() {
        let mut late = attempt(1, "a", 0, Failed);
        late.delivered_at = Timestamp::now();
        let asked = Asked::default();
        assert_eq!(asked.due(vec![late.clone()]), [1]);
        assert_eq!(asked.due(vec![late]), [] as [u64; 0]);
    }
}

//! How long each rollout has been seen underway by this process. Recorded times would not do: a cluster that was away
//! for an hour would find every rollout overdue on its return, before Kubernetes had a minute for it.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use deploy_domain::DeployId;

/// One write to a Deployment.
type Key = (DeployId, u64);

/// More are only rollouts that another replica saw the end of.
const REMEMBERED: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Patience {
    seen: Mutex<HashMap<Key, Instant>>,
}

impl Patience {
    /// Since the first look at it.
    pub(super) fn waited(&self, key: Key) -> Duration {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED && !seen.contains_key(&key) {
            seen.clear();
        }
        seen.entry(key).or_insert_with(Instant::now).elapsed()
    }

    /// It has ended.
    pub(super) fn forget(&self, key: Key) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_rollout_is_waited_for_from_the_first_look_at_it() {
        let patience = Patience::default();
        let key = (DeployId(Uuid::nil()), 1);
        let first = patience.waited(key);
        assert!(patience.waited(key) >= first);
        patience.forget(key);
        assert!(patience.seen.lock().unwrap().is_empty());
    }

    #[test]
    fn rollouts_whose_end_others_saw_do_not_pile_up() {
        let patience = Patience::default();
        for generation in 0..=REMEMBERED as u64 {
            patience.waited((DeployId(Uuid::nil()), generation));
        }
        assert!(patience.seen.lock().unwrap().len() <= REMEMBERED);
    }
}

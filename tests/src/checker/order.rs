//! The order of pushes: by arrival, corrected by authenticated content where that is unambiguous.

use uuid::Uuid;

use super::World;

/// A message of the stream of pushes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPush {
    /// Where it stands; a later attempt stands where the first one does.
    pub place: (u64, u64),
    /// Where the message itself stands.
    pub stored_at: (u64, u64),
    /// The deploy that it means.
    pub deploy: Uuid,
    /// Its app.
    pub app: Uuid,
    /// The commit before.
    pub before: String,
    /// The commit after.
    pub after: String,
    /// When GitHub says that it was.
    pub pushed_at: Option<u64>,
}

impl StoredPush {
    /// Whether this push is older than the other one.
    pub(super) fn is_older_than(&self, other: &Self) -> bool {
        if let (Some(mine), Some(others)) = (self.pushed_at, other.pushed_at)
            && mine != others
        {
            return mine < others;
        }
        let (forth, back) = (self.after == other.before, other.after == self.before);
        match (forth, back) {
            (true, false) => true,
            (false, true) => false,
            // Unrelated, or a branch that goes back and forth.
            (true, true) | (false, false) => self.place < other.place,
        }
    }
}

impl World {
    /// The push that no other of the app's is newer than.
    pub(super) fn newest_push(&self, app: Uuid) -> Option<&StoredPush> {
        let mut pushes = self.pushes.iter().filter(|push| push.app == app);
        let first = pushes.next()?;
        Some(
            pushes
                .fold(first, |newest, push| if newest.is_older_than(push) { push } else { newest }),
        )
    }
}

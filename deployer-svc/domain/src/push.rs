//! A push, and which of two pushes is the newer.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::names::{DeployId, Sha, Source};

/// Where a push arrived in the stream. Streams are told apart by when they were created, so that a stream that had to
/// be made anew does not make its pushes older than all before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// When the stream was created, Unix seconds.
    pub epoch: u64,
    /// The sequence within it.
    pub sequence: u64,
}

/// What the line remembers of its newest push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The deploy that the push means.
    pub deploy: DeployId,
    /// The commit that the push left the branch at.
    pub after: Sha,
    /// The commit that the branch was at before; all zeros for a new branch.
    pub before: Sha,
    /// GitHub's `repository.pushed_at`, Unix seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pushed_at: Option<u64>,
    /// Where it arrived; a later attempt of a push keeps the place of its first.
    pub place: Place,
}

impl Mark {
    /// Orders two pushes by what their authenticated content says where that is unambiguous, else by arrival.
    ///
    /// A branch that goes back and forth (each push starts where the other ended) proves nothing: arrival decides.
    #[must_use]
    pub fn order(&self, other: &Self) -> Ordering {
        if let (Some(mine), Some(theirs)) = (self.pushed_at, other.pushed_at)
            && mine != theirs
        {
            return mine.cmp(&theirs);
        }
        match (self.after == other.before, other.after == self.before) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (true, true) | (false, false) => self.place.cmp(&other.place),
        }
    }
}

/// What is known of a push beyond what the rules look at: recorded with it, for people and for the build.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// `owner/name`.
    pub repo: String,
    /// Without `refs/heads/`.
    pub branch: String,
    /// What to clone, from the app's registration.
    pub clone_url: String,
    /// Identity of the push from its authenticated content.
    pub identity: String,
    /// 0, or counts the redeliveries after a failure.
    pub attempt: u32,
    /// The provider's delivery header.
    pub delivery_id: String,
}

/// An accepted push.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// Its commits and its place in the order.
    #[serde(flatten)]
    pub mark: Mark,
    /// Which provider sent it.
    pub source: Source,
    /// For people and for the build.
    pub origin: Origin,
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn mark(before: char, after: char, pushed_at: Option<u64>, sequence: u64) -> Mark {
        let sha = |digit: char| Sha::try_from(digit.to_string().repeat(40)).unwrap();
        let place = Place { epoch: 1, sequence };
        let deploy = DeployId(Uuid::from_u128(sequence.into()));
        Mark { deploy, after: sha(after), before: sha(before), pushed_at, place }
    }

    #[test]
    fn the_time_of_the_push_outweighs_its_arrival() {
        assert_eq!(mark('a', 'b', Some(10), 2).order(&mark('b', 'c', Some(11), 1)), Ordering::Less);
    }

    #[test]
    fn without_a_time_the_chain_of_commits_decides() {
        assert_eq!(mark('a', 'b', None, 2).order(&mark('b', 'c', None, 1)), Ordering::Less);
        assert_eq!(
            mark('b', 'c', Some(5), 1).order(&mark('a', 'b', Some(5), 2)),
            Ordering::Greater
        );
    }

    #[test]
    fn a_branch_that_goes_back_and_forth_is_ordered_by_arrival() {
        assert_eq!(mark('a', 'b', None, 1).order(&mark('b', 'a', None, 2)), Ordering::Less);
        assert_eq!(mark('a', 'b', None, 3).order(&mark('b', 'a', None, 2)), Ordering::Greater);
    }

    #[test]
    fn a_stream_made_anew_does_not_make_its_pushes_older() {
        let newer = Mark { place: Place { epoch: 2, sequence: 1 }, ..mark('c', 'd', None, 1) };
        let older = mark('a', 'b', None, 900);
        assert_eq!(older.order(&newer), Ordering::Less);
    }
}

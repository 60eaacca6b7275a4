//! What is needed of a list of commits, collected while the JSON streams by: the paths that they changed, at most so
//! many, in so many bytes; and which of them ask not to be deployed.

use std::{borrow::Cow, collections::BTreeSet, fmt};

use paas_proto::events::MAX_CHANGED_PATHS;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::Sha;
use crate::filters;

/// All paths together stay well below the stream's limit of a message.
const MAX_BYTES: usize = 128 * 1024;

/// What is kept of a `commits` list.
#[derive(Debug, Default)]
pub(super) struct Commits {
    /// How many there are.
    pub(super) count: u64,
    /// Whether paths were left out.
    pub(super) overflowed: bool,
    paths: BTreeSet<String>,
    bytes: usize,
    /// Commits whose messages ask not to be deployed.
    asking: Vec<String>,
}

impl Commits {
    /// The paths, in order.
    pub(super) fn into_paths(self) -> Vec<String> {
        self.paths.into_iter().collect()
    }

    /// Whether this commit is among them, and its message asks not to be deployed.
    pub(super) fn asks_to_skip(&self, sha: &Sha) -> bool {
        self.asking.iter().any(|id| id == sha.as_str())
    }

    fn note(&mut self, path: &str) {
        if self.paths.contains(path) {
            return;
        }
        if self.paths.len() == MAX_CHANGED_PATHS || self.bytes + path.len() > MAX_BYTES {
            self.overflowed = true;
            return;
        }
        self.bytes += path.len();
        self.paths.insert(path.to_owned());
    }
}

impl<'de> Deserialize<'de> for Commits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut commits = Self::default();
        deserializer.deserialize_any(List(&mut commits, CommitOf))?;
        Ok(commits)
    }
}

/// A list, or null in its place, each element of which is read into the commits.
struct List<'a, M>(&'a mut Commits, M);

/// Makes the reader of one element.
trait Element: Copy {
    fn read<'de, D: Deserializer<'de>>(commits: &mut Commits, element: D) -> Result<(), D::Error>;
}

#[derive(Clone, Copy)]
struct CommitOf;

#[derive(Clone, Copy)]
struct PathOf;

impl Element for CommitOf {
    fn read<'de, D: Deserializer<'de>>(commits: &mut Commits, element: D) -> Result<(), D::Error> {
        commits.count += 1;
        element.deserialize_map(Commit(commits))
    }
}

impl Element for PathOf {
    fn read<'de, D: Deserializer<'de>>(commits: &mut Commits, element: D) -> Result<(), D::Error> {
        element.deserialize_str(Path(commits))
    }
}

impl<'de, M: Element> Visitor<'de> for List<'_, M> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or null")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(Next(&mut *self.0, self.1))?.is_some() {}
        Ok(())
    }
}

struct Next<'a, M>(&'a mut Commits, M);

impl<'de, M: Element> DeserializeSeed<'de> for Next<'_, M> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, element: D) -> Result<(), D::Error> {
        M::read(self.0, element)
    }
}

struct PathList<'a>(&'a mut Commits);

impl<'de> DeserializeSeed<'de> for PathList<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, list: D) -> Result<(), D::Error> {
        list.deserialize_any(List(self.0, PathOf))
    }
}

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "snake_case")]
enum Field {
    Id,
    Message,
    Added,
    Modified,
    Removed,
    #[serde(other)]
    Other,
}

struct Commit<'a>(&'a mut Commits);

impl<'de> Visitor<'de> for Commit<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a commit")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut commit: A) -> Result<(), A::Error> {
        let (mut id, mut asks_to_skip) = (None, false);
        while let Some(field) = commit.next_key()? {
            match field {
                Field::Id => id = commit.next_value::<Option<Cow<'de, str>>>()?,
                Field::Message => {
                    let message = commit.next_value::<Option<Cow<'de, str>>>()?;
                    asks_to_skip = message.is_some_and(|message| filters::asks_to_skip(&message));
                }
                Field::Added | Field::Modified | Field::Removed => {
                    commit.next_value_seed(PathList(&mut *self.0))?;
                }
                Field::Other => {
                    commit.next_value::<IgnoredAny>()?;
                }
            }
        }
        self.0.asking.extend(id.filter(|_| asks_to_skip).map(Cow::into_owned));
        Ok(())
    }
}

struct Path<'a>(&'a mut Commits);

impl Visitor<'_> for Path<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a path")
    }

    fn visit_str<E: Error>(self, path: &str) -> Result<(), E> {
        self.0.note(path);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Commits {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn every_changed_path_is_noted_once() {
        let commits = read(
            r#"[{"id":"1","added":["b","a\n"],"modified":[],"author":{"name":"x"}},
                {"removed":["c"],"modified":["b"],"added":null}]"#,
        );
        assert_eq!((commits.count, commits.overflowed), (2, false));
        assert_eq!(commits.into_paths(), ["a\n", "b", "c"]);
    }

    #[test]
    fn no_commits_are_no_paths() {
        for empty in ["null", "[]", "[{}]"] {
            assert!(read(empty).into_paths().is_empty(), "{empty}");
        }
    }

    #[test]
    fn the_list_stays_bounded() {
        let many: Vec<_> = (0..=MAX_CHANGED_PATHS).map(|n| format!("{n:04}")).collect();
        let commits = read(&format!(r#"[{{"added":{}}}]"#, serde_json::to_string(&many).unwrap()));
        assert!(commits.overflowed);
        assert_eq!(commits.into_paths().len(), MAX_CHANGED_PATHS);
        let long = "x".repeat(MAX_BYTES + 1);
        let commits = read(&format!(r#"[{{"added":["{long}","short"]}}]"#));
        assert!(commits.overflowed);
        assert_eq!(commits.into_paths(), ["short"]);
    }

    #[test]
    fn a_commit_asks_by_its_own_message() {
        let ids = ["1", "2", "3"].map(|digit| digit.repeat(40));
        let [one, two, three] = &ids;
        let commits = read(&format!(
            r#"[{{"message":"a [skip ci]","id":"{one}"}},{{"id":"{two}","message":"b"}},
                {{"id":"{three}","message":null}},{{"message":"[skip ci]","id":null}}]"#
        ));
        let asks = ids.map(|id| commits.asks_to_skip(&id.parse().unwrap()));
        assert_eq!(asks, [true, false, false]);
    }

    #[test]
    fn a_list_of_something_else_is_refused() {
        for bad in ["{}", "[1]", r#"[{"added":[1]}]"#, r#"[{"added":"path"}]"#, "7"] {
            assert!(serde_json::from_str::<Commits>(bad).is_err(), "{bad}");
        }
    }
}

//! How far somebody has read, container by container. The API server knows whole seconds only: a position is the time
//! of the last line and how many lines of its second were read, so that nothing doubles and nothing is lost.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

/// What the text begins with; another form of it would begin otherwise.
const FORM: &str = "1";

/// A container, by a hash of its name: a cursor goes along with each line, so it is kept short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key(u64);

/// How far one container was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    /// Nanoseconds since 1970 of the last line.
    nanos: i64,
    /// Lines of the same second that were read; beyond [`COUNTED`] when nobody counted those from its beginning.
    seen: u32,
}

/// Everything up to the position's time. So many less than this: everything before it, and so many lines of that very
/// time.
const ALL: u32 = u32::MAX;
const COUNTED: u32 = u32::MAX / 2;

/// How far several containers were read; those that it does not know, not at all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Cursor(BTreeMap<Key, Position>);

impl Key {
    /// FNV-1a, because it stays the same over versions and machines.
    pub(crate) fn of(pod: &str, container: &str) -> Self {
        let bytes = pod.bytes().chain([b'/']).chain(container.bytes());
        Self(bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        }))
    }
}

impl Position {
    /// Just before a line of this time, however many others there were.
    pub(crate) fn before(at: Timestamp) -> Self {
        Self { nanos: nanos(at).saturating_sub(1), seen: ALL }
    }

    /// Behind one more line.
    pub(crate) fn behind(previous: Option<Self>, at: Timestamp) -> Self {
        let nanos = nanos(at);
        match previous {
            Some(Self { nanos: last, seen }) if second(last) == second(nanos) && seen > COUNTED => {
                match nanos.cmp(&last) {
                    Ordering::Greater => Self { nanos, seen: ALL - 1 },
                    Ordering::Equal if seen < ALL => {
                        Self { nanos, seen: (seen - 1).max(COUNTED + 1) }
                    }
                    Ordering::Equal | Ordering::Less => Self { nanos: last, seen },
                }
            }
            Some(Self { nanos: last, seen }) if second(last) == second(nanos) => {
                Self { nanos: last.max(nanos), seen: seen.saturating_add(1) }
            }
            // Clocks are set back now and then; the API server would leave such a line out, so it does not count.
            Some(last) if second(last.nanos) > second(nanos) => last,
            _ => Self { nanos, seen: 1 },
        }
    }

    /// From when to ask the API server.
    pub(crate) fn since(self) -> Option<Timestamp> {
        Timestamp::from_second(second(self.nanos)).ok()
    }

    /// What to leave out of the answer.
    pub(crate) fn repeated(self) -> Repeated {
        let counted =
            if self.seen > COUNTED && self.seen < ALL { ALL - self.seen } else { self.seen };
        Repeated { position: self, left: counted }
    }
}

/// The lines at the beginning of an answer that were read before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Repeated {
    position: Position,
    left: u32,
}

impl Repeated {
    /// Whether the next line, of this time, is one of them. A file that was rotated away takes its lines with it: what
    /// is newer than the last line is new, whatever the count says.
    pub(crate) fn has(&mut self, at: Timestamp) -> bool {
        let Position { nanos: last, seen } = self.position;
        let is_old = self.left > 0 && nanos(at) <= last;
        let counts = seen <= COUNTED || (seen < ALL && nanos(at) == last);
        self.left = if is_old { self.left.saturating_sub(u32::from(counts)) } else { 0 };
        is_old
    }
}

impl Cursor {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::default());
        }
        let mut parts = text.split('.');
        if parts.next() != Some(FORM) {
            return None;
        }
        parts.map(entry).collect::<Option<BTreeMap<_, _>>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn get(&self, key: Key) -> Option<Position> {
        self.0.get(&key).copied()
    }

    /// Notes how far a container was read.
    pub(crate) fn set(&mut self, key: Key, position: Position) {
        self.0.insert(key, position);
    }

    /// Forgets the containers that are gone: they will write no more.
    pub(crate) fn keep(&mut self, there: &BTreeSet<Key>) {
        self.0.retain(|key, _| there.contains(key));
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FORM)?;
        self.0.iter().try_for_each(|(Key(key), Position { nanos, seen })| {
            write!(f, ".{key:x}-{nanos:x}-{seen:x}")
        })
    }
}

fn entry(text: &str) -> Option<(Key, Position)> {
    let mut parts = text.split('-');
    let (key, nanos, seen) = (parts.next()?, parts.next()?, parts.next()?);
    let key = Key(u64::from_str_radix(key, 16).ok()?);
    let nanos = i64::from_str_radix(nanos, 16).ok()?;
    let seen = u32::from_str_radix(seen, 16).ok()?;
    parts.next().is_none().then_some((key, Position { nanos, seen }))
}

fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX).max(0)
}

fn second(nanos: i64) -> i64 {
    nanos / 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2026-11-23T12:00:{text}Z").parse().unwrap()
    }

    /// What is new of an answer, to somebody who read some lines before.
    fn news<'a>(read: &[&str], answered: &[&'a str]) -> Vec<&'a str> {
        let position = read.iter().fold(None, |last, line| Some(Position::behind(last, at(line))));
        let mut repeated = position.unwrap().repeated();
        answered.iter().copied().filter(|line| !repeated.has(at(line))).collect()
    }

    #[test]
    fn lines_of_the_same_instant_neither_double_nor_get_lost() {
        assert_eq!(news(&["01.5", "01.5"], &["01.5", "01.5", "01.5", "02"]), ["01.5", "02"]);
        assert_eq!(news(&["01.5"], &["01.5"]), Vec::<&str>::new());
    }

    #[test]
    fn a_line_that_was_written_out_of_order_within_its_second_is_told() {
        assert_eq!(news(&["01.5"], &["01.5", "01.4", "01.6"]), ["01.4", "01.6"]);
    }

    #[test]
    fn lines_that_were_rotated_away_take_no_new_ones_with_them() {
        assert_eq!(news(&["01.1", "01.2", "01.3"], &["01.4", "01.5"]), ["01.4", "01.5"]);
    }

    #[test]
    fn the_count_begins_anew_with_each_second() {
        assert_eq!(news(&["01.1", "01.2", "02.1"], &["02.1", "02.2"]), ["02.2"]);
        let position = Position::behind(None, at("01.9"));
        assert_eq!(position.since(), Some(at("01")), "the API server rounds as it likes");
    }

    #[test]
    fn a_tail_goes_on_behind_itself() {
        let mut repeated = Position::before(at("01.5")).repeated();
        let told: Vec<_> =
            ["01.1", "01.4", "01.5", "01.6"].into_iter().filter(|t| !repeated.has(at(t))).collect();
        assert_eq!(told, ["01.5", "01.6"]);
        let behind = Position::behind(Some(Position::before(at("01.5"))), at("01.6"));
        let mut repeated = behind.repeated();
        assert!(["01.1", "01.5", "01.6"].into_iter().all(|line| repeated.has(at(line))));
        assert!(!repeated.has(at("01.7")));
    }

    #[test]
    fn behind_a_tail_the_lines_of_one_instant_are_told_one_by_one() {
        let before = Position::before(at("01.5"));
        let one = Position::behind(Some(before), at("01.5"));
        let two = Position::behind(Some(one), at("01.5"));
        for (position, expected) in [(one, 2), (two, 1)] {
            let mut repeated = position.repeated();
            let answered = ["01.1", "01.5", "01.5", "01.5", "01.6"];
            let told = answered.into_iter().filter(|line| !repeated.has(at(line))).count();
            assert_eq!(told, expected + 1);
        }
    }

    #[test]
    fn a_cursor_survives_its_text() {
        let mut cursor = Cursor::default();
        cursor.set(Key::of("web-1", "app"), Position::behind(None, at("01.5")));
        cursor.set(Key::of("web-2", "app"), Position::before(at("02")));
        assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        assert_eq!(Cursor::parse(""), Some(Cursor::default()));
        assert_eq!(Cursor::parse("1"), Some(Cursor::default()));
        for bad in ["2", "1.x-1-1", "1.1-1", "1.1-1-1-1", "1.", "garbage"] {
            assert_eq!(Cursor::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn containers_that_are_gone_are_forgotten() {
        let (old, new) = (Key::of("web-1", "app"), Key::of("web-2", "app"));
        assert_ne!(old, new);
        let mut cursor = Cursor::default();
        cursor.set(old, Position::behind(None, at("01")));
        cursor.set(new, Position::behind(None, at("01")));
        cursor.keep(&BTreeSet::from([new]));
        assert_eq!((cursor.get(old), cursor.get(new).is_some()), (None, true));
    }
}

//! Lines that wait to be told, one queue a source: the earliest of the first ones goes first, and within a source the
//! order stays as it was.

use std::collections::VecDeque;

use super::line::{Line, Source};

/// What a queue keeps of the latest lines that somebody wants to see.
const LARGEST_TAIL_BYTES: usize = 4 << 20;

#[derive(Debug, Default)]
pub(super) struct Queues {
    pub(super) deploy: VecDeque<Line>,
    pub(super) build: VecDeque<Line>,
    pub(super) app: VecDeque<Line>,
}

impl Queues {
    /// Takes the earliest line; of lines at the same time the deploy's goes before the build's, and that before the
    /// app's.
    pub(super) fn pop(&mut self) -> Option<Line> {
        let queues = [&self.deploy, &self.build, &self.app];
        let first = queues.into_iter().filter_map(VecDeque::front).min_by_key(|line| line.at)?;
        match first.source {
            Source::Deploy => self.deploy.pop_front(),
            Source::Build => self.build.pop_front(),
            Source::App => self.app.pop_front(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.deploy.len() + self.build.len() + self.app.len()
    }
}

/// The latest lines of a source, within bounds.
#[derive(Debug)]
pub(super) struct Tail {
    lines: VecDeque<Line>,
    bytes: usize,
    limit: usize,
}

impl Tail {
    pub(super) fn new(limit: usize) -> Self {
        Self { lines: VecDeque::new(), bytes: 0, limit }
    }

    /// Takes a line; the one that it pushes out at the other end.
    pub(super) fn push(&mut self, line: Line) -> Option<Line> {
        self.bytes += line.size();
        self.lines.push_back(line);
        let is_full = self.lines.len() > self.limit;
        let dropped =
            if is_full || self.bytes > LARGEST_TAIL_BYTES { self.lines.pop_front() } else { None };
        self.bytes -= dropped.as_ref().map_or(0, Line::size);
        dropped
    }

    pub(super) fn into_lines(self) -> VecDeque<Line> {
        self.lines
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::logs::cursor::Place;

    fn line(source: Source, second: i64, text: &str) -> Line {
        Line {
            at: Timestamp::from_second(second).unwrap(),
            source,
            deploy: None,
            origin: String::new(),
            text: text.to_owned(),
            place: Place::Nowhere,
        }
    }

    #[test]
    fn lines_are_told_by_time_and_each_source_in_its_own_order() {
        let mut queues = Queues::default();
        queues.deploy.extend([line(Source::Deploy, 1, "queued"), line(Source::Deploy, 4, "built")]);
        // Clocks differ: the second line of the build says that it came before the first.
        queues.build.extend([line(Source::Build, 3, "one"), line(Source::Build, 2, "two")]);
        queues.app.extend([line(Source::App, 4, "hello")]);
        let told: Vec<_> = std::iter::from_fn(|| queues.pop()).map(|line| line.text).collect();
        assert_eq!(told, ["queued", "one", "two", "built", "hello"]);
    }

    #[test]
    fn a_tail_keeps_the_latest_lines_within_its_bounds() {
        let mut tail = Tail::new(2);
        let dropped: Vec<_> = ["one", "two", "three"]
            .into_iter()
            .filter_map(|text| tail.push(line(Source::App, 0, text)))
            .map(|line| line.text)
            .collect();
        assert_eq!(dropped, ["one"]);
        assert_eq!(tail.into_lines().len(), 2);

        let mut tail = Tail::new(1_000);
        let long = "x".repeat(1 << 20);
        let dropped = (0..10).filter_map(|_| tail.push(line(Source::App, 0, &long))).count();
        assert_eq!(dropped, 7, "four megabytes and no more");
    }
}

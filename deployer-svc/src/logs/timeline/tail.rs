//! Where a timeline begins for somebody who wants to see its latest lines.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::time::{Instant, timeout_at};

use super::{Error, Timeline};
use crate::{
    logs::{
        app::Beginning,
        line::{Line, Source},
        queues::Tail,
    },
    store::StoredChunk,
};

/// Before the position that no chunk has yet.
const END: i64 = i64::MAX;
/// The app's lines have so long to arrive.
const APP_TIME: Duration = Duration::from_secs(10);
/// Begins the place of somebody who was told none of the app's lines yet, and who wants at most so many.
const NOT_YET: char = '~';

/// Where reading the app's lines goes on.
pub(super) fn from(cursor: &str) -> Beginning {
    match cursor.strip_prefix(NOT_YET).map(|tail| u32::from_str_radix(tail, 16)) {
        Some(tail) => Beginning { cursor: String::new(), tail: tail.unwrap_or(1) },
        None => Beginning { cursor: cursor.to_owned(), tail: 0 },
    }
}

impl Timeline {
    /// Queues the latest lines of all sources together, and moves the cursor before them.
    pub(super) async fn take_tail(&mut self) -> Result<(), Error> {
        let limit = usize::try_from(self.order.tail).unwrap_or(usize::MAX);
        if self.order.wants(Source::Deploy) {
            self.take_events().await?;
        }
        if self.order.wants(Source::Build) {
            self.take_chunks(limit).await?;
        }
        if self.order.wants(Source::App) {
            self.take_app_lines(limit).await;
        }
        while self.queues.len() > limit
            && let Some(line) = self.queues.pop()
        {
            self.cursor.pass(&line.place);
        }
        Ok(())
    }

    async fn take_events(&mut self) -> Result<(), Error> {
        let latest = self.store.latest_events(self.order.scope(), self.order.tail).await?;
        if let Some(first) = latest.first() {
            self.cursor.version = first.version - 1;
        }
        let ready = self.ready(latest);
        self.queues.deploy.extend(ready);
        Ok(())
    }

    async fn take_chunks(&mut self, limit: usize) -> Result<(), Error> {
        let (mut before, mut lines) = (END, 0);
        let mut latest: Vec<StoredChunk> = Vec::new();
        while lines < limit {
            let scope = self.order.scope();
            let page = self.store.chunks_before(scope, before, super::CHUNKS).await?;
            let Some(last) = page.last() else { break };
            before = last.position;
            lines += page.iter().map(|chunk| chunk.lines as usize).sum::<usize>();
            latest.extend(page);
        }
        let mut tail = Tail::new(limit);
        if let Some(first) = latest.last() {
            self.cursor.chunk = first.position;
        }
        for line in latest.iter().rev().flat_map(|chunk| Line::of_chunk(chunk, 0)) {
            if let Some(dropped) = tail.push(line) {
                self.cursor.pass(&dropped.place);
            }
        }
        self.queues.build = tail.into_lines();
        Ok(())
    }

    async fn take_app_lines(&mut self, limit: usize) {
        self.cursor.app = format!("{NOT_YET}{:x}", self.order.tail);
        let Some(mut lines) = self.app_lines_there().await else { return };
        let (mut tail, until) = (Tail::new(limit), Instant::now() + APP_TIME);
        let mut is_first = true;
        loop {
            match timeout_at(until, lines.next()).await {
                Ok(Some(Ok(line))) => {
                    is_first = false;
                    if let Some(dropped) = tail.push(line) {
                        self.cursor.pass(&dropped.place);
                    }
                }
                Ok(None) => {
                    // There are none: then all that come are new.
                    if is_first {
                        self.cursor.app.clear();
                    }
                    break;
                }
                Ok(Some(Err(_))) | Err(_) => {
                    tail.push(self.unreachable());
                    break;
                }
            }
        }
        self.queues.app = tail.into_lines();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_told_nothing_of_the_app_gets_its_latest_lines_and_no_others() {
        let Beginning { cursor, tail } = from("~64");
        assert_eq!((cursor.as_str(), tail), ("", 100));
        let Beginning { cursor, tail } = from("1.ab-cd-1");
        assert_eq!((cursor.as_str(), tail), ("1.ab-cd-1", 0));
        assert_eq!(from("~junk").tail, 1);
        assert_eq!(from("").tail, 0, "there were none: all are new");
    }
}

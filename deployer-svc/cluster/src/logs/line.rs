//! Lines of a log stream: their time in front, cut to a size that nobody's memory suffers from.

use std::pin::Pin;

use futures_util::io::{AsyncBufRead, AsyncBufReadExt as _};
use jiff::Timestamp;

/// Longer lines are cut.
const LONGEST: usize = 8 * 1024;
/// A time in RFC 3339 and the space behind it.
const LONGEST_TIME: usize = 40;

/// One line of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// When it was written; the kubelet's own messages have no time.
    pub(crate) at: Option<Timestamp>,
    /// Without time and line break.
    pub(crate) text: String,
}

/// Reads a stream line by line; holds never more than one line's beginning.
pub(crate) struct Lines {
    stream: Pin<Box<dyn AsyncBufRead + Send>>,
    line: Vec<u8>,
    /// The rest of a line that is too long is thrown away.
    is_cut: bool,
    keeps_rest: bool,
}

impl Lines {
    /// `keeps_rest`: a last line without its end is one. Of a container that runs it may be half of one.
    pub(crate) fn new(stream: impl AsyncBufRead + Send + 'static, keeps_rest: bool) -> Self {
        Self { stream: Box::pin(stream), line: Vec::new(), is_cut: false, keeps_rest }
    }

    /// The next line; `None` at the end. May be dropped while it waits: what was read so far is kept.
    pub(crate) async fn next(&mut self) -> std::io::Result<Option<Line>> {
        loop {
            let chunk = self.stream.fill_buf().await?;
            if chunk.is_empty() {
                let is_rest = self.keeps_rest && !self.line.is_empty();
                return Ok(is_rest.then(|| self.take()));
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            let room = (LONGEST + LONGEST_TIME).saturating_sub(self.line.len());
            self.is_cut |= part.len() > room;
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let read = end.map_or(chunk.len(), |end| end + 1);
            self.stream.as_mut().consume(read);
            if end.is_some() {
                return Ok(Some(self.take()));
            }
        }
    }

    fn take(&mut self) -> Line {
        let is_cut = std::mem::take(&mut self.is_cut);
        parse(&std::mem::take(&mut self.line), is_cut)
    }
}

fn parse(line: &[u8], is_cut: bool) -> Line {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let space = line.iter().take(LONGEST_TIME).position(|byte| *byte == b' ');
    let (time, rest) = line.split_at(space.unwrap_or_else(|| line.len().min(LONGEST_TIME)));
    let at = std::str::from_utf8(time).ok().and_then(|time| time.parse::<Timestamp>().ok());
    let text = if at.is_some() { rest.strip_prefix(b" ").unwrap_or(rest) } else { line };
    Line { at, text: shortened(text, is_cut) }
}

/// The text within the limit, on the boundary of a character.
fn shortened(bytes: &[u8], is_cut: bool) -> String {
    if bytes.len() <= LONGEST && !is_cut {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let mut cut = &bytes[..bytes.len().min(LONGEST)];
    if let Err(error) = std::str::from_utf8(cut)
        && error.error_len().is_none()
    {
        cut = &cut[..error.valid_up_to()];
    }
    format!("{}…", String::from_utf8_lossy(cut))
}

#[cfg(test)]
mod tests {
    use futures_util::io::Cursor;

    use super::*;

    async fn lines(bytes: &[u8]) -> Vec<Line> {
        let mut lines = Lines::new(Cursor::new(bytes.to_vec()), true);
        let mut all = Vec::new();
        while let Some(line) = lines.next().await.unwrap() {
            all.push(line);
        }
        all
    }

    async fn texts(bytes: &[u8]) -> Vec<String> {
        lines(bytes).await.into_iter().map(|line| line.text).collect()
    }

    #[tokio::test]
    async fn a_line_is_its_time_and_its_text() {
        let lines = lines(b"2026-11-23T12:00:00.123456789Z hello  world\n").await;
        let at = "2026-11-23T12:00:00.123456789Z".parse().unwrap();
        assert_eq!(lines, [Line { at: Some(at), text: "hello  world".to_owned() }]);
    }

    #[tokio::test]
    async fn empty_lines_line_breaks_of_windows_and_a_last_line_without_end_are_lines() {
        let time = "2026-11-23T12:00:00Z";
        let text = format!("{time} \n{time}\n{time} a\r\n{time} b");
        assert_eq!(texts(text.as_bytes()).await, ["", "", "a", "b"]);
    }

    #[tokio::test]
    async fn half_a_line_of_a_container_that_runs_is_none_yet() {
        let mut lines = Lines::new(Cursor::new(b"2026-11-23T12:00:00Z a".to_vec()), false);
        assert_eq!(lines.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_kubelets_own_messages_have_no_time() {
        let lines = lines(b"unable to retrieve container logs for containerd://1\n").await;
        assert_eq!(lines[0].at, None);
        assert!(lines[0].text.starts_with("unable"), "{lines:?}");
    }

    #[tokio::test]
    async fn what_is_no_text_is_told_as_far_as_it_is() {
        assert_eq!(texts(b"2026-11-23T12:00:00Z a\xffb\n").await, ["a\u{fffd}b"]);
    }

    #[tokio::test]
    async fn a_long_line_is_cut_between_characters_and_the_next_is_whole() {
        let time = "2026-11-23T12:00:00Z";
        let long = "é".repeat(100_000);
        let text = format!("{time} x{long}\n{time} next\n");
        let texts = texts(text.as_bytes()).await;
        assert_eq!(texts[0], format!("x{}…", "é".repeat(LONGEST / 2 - 1)));
        assert_eq!(texts[1], "next");
    }
}

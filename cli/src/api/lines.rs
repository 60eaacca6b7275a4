//! A stream of JSON, an object a line: a replay as it goes on.

use futures_util::{Stream, StreamExt as _, stream};
use reqwest::Method;

use super::{Api, parse};
use crate::{
    error::Error,
    model::{ReplayLine, ReplayOrder},
};

/// Longer lines are no lines of a replay.
const LONGEST_LINE: usize = 1 << 20;

impl Api {
    /// What becomes of each push, or would; a summary last.
    pub(crate) async fn replay(
        &self,
        order: &ReplayOrder,
    ) -> Result<impl Stream<Item = Result<ReplayLine, Error>>, Error> {
        let request = self.request_with(Method::POST, "/v1/replays", order);
        let chunks = self.send(request).await?.bytes_stream();
        let chunks = chunks.map(|chunk| chunk.map_err(|error| self.unreachable(error)));
        Ok(lines(chunks.boxed_local()).map(|line| parse(&line?)))
    }
}

/// The lines of a body that are not empty.
fn lines<B: AsRef<[u8]>>(
    chunks: impl Stream<Item = Result<B, Error>> + Unpin,
) -> impl Stream<Item = Result<Vec<u8>, Error>> {
    let start = Some((chunks, Vec::new()));
    let next = stream::unfold(start, |state| async {
        let (mut chunks, mut held): (_, Vec<u8>) = state?;
        loop {
            if let Some(end) = held.iter().position(|byte| *byte == b'\n') {
                let rest = held.split_off(end + 1);
                return Some((Ok(held), Some((chunks, rest))));
            }
            if held.len() > LONGEST_LINE {
                return Some((Err(Error::Unexpected("a line has no end".to_owned())), None));
            }
            match chunks.next().await {
                Some(Ok(chunk)) => held.extend_from_slice(chunk.as_ref()),
                Some(Err(error)) => return Some((Err(error), None)),
                None if held.is_empty() => return None,
                None => return Some((Ok(held), None)),
            }
        }
    });
    next.filter(|line| {
        let is_empty = line.as_ref().is_ok_and(|line| line.trim_ascii().is_empty());
        std::future::ready(!is_empty)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn told(chunks: &[&str]) -> Vec<String> {
        let chunks = chunks.iter().map(|chunk| Ok(chunk.as_bytes())).collect::<Vec<_>>();
        let text = |line: Result<Vec<u8>, Error>| String::from_utf8(line.unwrap()).unwrap();
        lines(stream::iter(chunks)).map(|line| text(line).trim().to_owned()).collect().await
    }

    #[tokio::test]
    async fn lines_are_put_together_from_however_they_come() {
        assert_eq!(told(&["a", "b\nc\r\n", "\n", "d\ne", ""]).await, ["ab", "c", "d", "e"]);
        assert_eq!(told(&["\n\n"]).await, Vec::<String>::new());
        assert_eq!(told(&[]).await, Vec::<String>::new());
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_not_read_for_ever() {
        let endless = stream::repeat_with(|| Ok(vec![b'x'; 4096]));
        let found: Vec<_> = lines(endless).collect().await;
        assert!(matches!(found[..], [Err(Error::Unexpected(_))]));
    }
}

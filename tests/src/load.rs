//! Load: many workers that do the same thing again and again for a while, and how long each time took.

use std::{future::Future, sync::Arc, time::Duration};

use anyhow::{Context as _, Result, bail};
use bytes::{Bytes, BytesMut};
use hdrhistogram::Histogram;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::Instant,
};

/// An hour.
const LONGEST_MICROS: u64 = 3_600_000_000;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// How often something was done, and how long it took.
#[derive(Debug, Clone)]
pub struct Measured {
    times: Histogram<u64>,
    elapsed: Duration,
}

impl Measured {
    /// Nothing yet.
    pub fn new() -> Result<Self> {
        Ok(Self {
            times: Histogram::new_with_bounds(1, LONGEST_MICROS, 3)?,
            elapsed: Duration::ZERO,
        })
    }

    /// Adds one time.
    pub fn record(&mut self, time: Duration) {
        self.times.saturating_record(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// How many.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.times.len()
    }

    /// How many a second.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a count of a few seconds")]
    pub fn rate(&self) -> f64 {
        self.count() as f64 / self.elapsed.as_secs_f64()
    }

    /// The time that this share of all did not exceed.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Duration {
        Duration::from_micros(self.times.value_at_quantile(share))
    }
}

/// Has each of `workers` do `act` again and again: for `warm_up` unmeasured, then for `duration`.
pub async fn run<W, F, Fut>(
    workers: Vec<W>,
    warm_up: Duration,
    duration: Duration,
    act: F,
) -> Result<Measured>
where
    W: Send + 'static,
    F: Fn(W) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<W>> + Send,
{
    let act = Arc::new(act);
    let start = Instant::now() + warm_up;
    let end = start + duration;
    let mut tasks = JoinSet::new();
    for mut worker in workers {
        let act = Arc::clone(&act);
        tasks.spawn(async move {
            let mut measured = Measured::new()?;
            loop {
                let began = Instant::now();
                if began >= end {
                    return anyhow::Ok(measured);
                }
                worker = act(worker).await?;
                // What ends late does not count: it would make the rate look better than it is.
                let ended = Instant::now();
                if began >= start && ended <= end {
                    measured.record(ended - began);
                }
            }
        });
    }
    let mut all = Measured { elapsed: duration, ..Measured::new()? };
    while let Some(measured) = tasks.join_next().await {
        all.times.add(measured??.times)?;
    }
    Ok(all)
}

/// A kept-alive HTTP connection that costs its user next to nothing: on two cores the client's work counts as well.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    buffer: BytesMut,
}

impl Connection {
    /// Connects to `host:port`.
    pub async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::with_capacity(4096) })
    }

    /// Sends a whole request; the status of the answer.
    pub async fn send(&mut self, request: &Bytes) -> Result<u16> {
        tokio::time::timeout(REQUEST_TIMEOUT, self.exchange(request)).await?
    }

    async fn exchange(&mut self, request: &Bytes) -> Result<u16> {
        self.stream.write_all(request).await?;
        loop {
            if let Some((status, length)) = head(&self.buffer)? {
                while self.buffer.len() < length {
                    self.fill().await?;
                }
                let _ = self.buffer.split_to(length);
                return Ok(status);
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the connection was closed");
        }
        Ok(())
    }
}

/// Status and whole length of the answer whose head is in the buffer.
fn head(buffer: &[u8]) -> Result<Option<(u16, usize)>> {
    let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&buffer[..end])?.to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.context("an answer without a length")?.trim().parse()?;
    Ok(Some((status.context("an answer without a status")?, end + 4 + length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_known_once_its_head_is_there() {
        let answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(head(answer).unwrap(), Some((202, answer.len())));
        assert_eq!(head(&answer[..30]).unwrap(), None);
    }

    #[tokio::test]
    async fn every_time_is_as_long_as_the_act() {
        let nap = |worker: u8| async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Ok(worker)
        };
        let measured = run(vec![0_u8; 2], Duration::ZERO, Duration::from_millis(100), nap).await;
        let measured = measured.unwrap();
        assert!(measured.count() <= 40, "two workers, 20 naps each at most: {}", measured.count());
        // The histogram rounds.
        assert!(measured.quantile(0.0) >= Duration::from_millis(4));
    }
}

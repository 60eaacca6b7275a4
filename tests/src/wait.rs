//! Waiting for a condition with a deadline: the only way anything here waits for another process.

use std::{future::Future, time::Duration};

use anyhow::{Context as _, Result, bail};
use tokio::time::{Instant, sleep};

const PAUSE: Duration = Duration::from_millis(20);

/// Asks `probe` until it gives a value, at most for `patience`; `what` names the condition in the error.
pub async fn until<T, F, Fut>(what: &str, patience: Duration, mut probe: F) -> Result<T>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<Option<T>>>,
{
    let deadline = Instant::now() + patience;
    loop {
        let Ok(answer) = tokio::time::timeout_at(deadline, probe()).await else {
            bail!("waited {patience:?} for {what}: no answer");
        };
        match answer {
            Ok(Some(value)) => return Ok(value),
            Ok(None) if Instant::now() < deadline => sleep(PAUSE).await,
            Ok(None) => bail!("waited {patience:?} for {what}"),
            Err(_) if Instant::now() < deadline => sleep(PAUSE).await,
            Err(error) => {
                return Err(error).with_context(|| format!("waited {patience:?} for {what}"));
            }
        }
    }
}

/// Waits until something accepts TCP connections at `address`.
pub async fn until_listening(address: &str, patience: Duration) -> Result<()> {
    until(&format!("a listener at {address}"), patience, || async {
        Ok(tokio::net::TcpStream::connect(address).await.is_ok().then_some(()))
    })
    .await
}

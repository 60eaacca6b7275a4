//! Keeps a task running: one that ends, fails or panics is logged and brought back, so that the process is never
//! silently half dead.

use std::time::{Duration, Instant};

use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use crate::backoff;

/// A task that ran this long had recovered from what stopped it before.
const RECOVERED: Duration = Duration::from_mins(1);

/// Runs the task until the shutdown, again and again if need be. The task itself ends soon after the shutdown.
pub(crate) fn keep<F, T>(
    name: &'static str,
    shutdown: &CancellationToken,
    task: F,
) -> impl Future<Output = anyhow::Result<()>> + use<F, T>
where
    F: FnMut(CancellationToken) -> T,
    T: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    kept(name, shutdown.clone(), task)
}

async fn kept<F, T>(
    name: &'static str,
    shutdown: CancellationToken,
    mut task: F,
) -> anyhow::Result<()>
where
    F: FnMut(CancellationToken) -> T,
    T: Future<Output = anyhow::Result<()>> + Send + 'static,
{
    let mut failures = 0;
    while !shutdown.is_cancelled() {
        let started = Instant::now();
        let ended = AbortOnDropHandle::new(tokio::spawn(task(shutdown.clone()))).await;
        let why = match ended {
            Ok(Ok(())) if shutdown.is_cancelled() => break,
            Ok(Ok(())) => "it ended by itself".to_owned(),
            Ok(Err(error)) => format!("{error:#}"),
            Err(panic) => panic.to_string(),
        };
        failures = if started.elapsed() > RECOVERED { 1 } else { failures + 1 };
        let wait = backoff::delay(failures);
        tracing::error!(task = name, error = why, ?wait, "a task ended; it is started again");
        shutdown.run_until_cancelled(tokio::time::sleep(wait)).await;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_fails_panics_or_ends_is_brought_back() {
        let shutdown = CancellationToken::new();
        let starts = Arc::new(AtomicU32::new(0));
        let kept = keep("test", &shutdown, |shutdown| {
            let starts = Arc::clone(&starts);
            async move {
                match starts.fetch_add(1, Ordering::Relaxed) {
                    0 => anyhow::bail!("the world failed"),
                    1 => panic!("a mistake"),
                    2 => Ok(()),
                    _ => {
                        shutdown.cancel();
                        Ok(())
                    }
                }
            }
        });
        kept.await.unwrap();
        assert_eq!(starts.load(Ordering::Relaxed), 4);
    }
}

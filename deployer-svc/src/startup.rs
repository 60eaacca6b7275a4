//! Waits at the start for what has to be there. A database or a broker that is away is waited for; a schema that this
//! program does not know is an error.

use std::fmt::Display;

use anyhow::anyhow;
use tokio_util::sync::CancellationToken;

use crate::{
    backoff, schema,
    store::{Settings, Store},
};

/// Whether another try is of any use.
pub(crate) enum Obstacle<E> {
    Passing(E),
    Lasting(E),
}

/// The store, once the database answers and has the right schema; `None` when the shutdown comes first.
pub(crate) async fn store(
    settings: &Settings,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<Store>> {
    let try_once = async || {
        let store = match Store::connect(settings).await {
            Ok(store) => store,
            Err(error) if error.is_passing() => return Err(Obstacle::Passing(error.to_string())),
            Err(error) => return Err(Obstacle::Lasting(error.to_string())),
        };
        match schema::check(&store).await {
            Ok(_) => Ok(store),
            Err(schema::Error::Store(error)) if error.is_passing() => {
                Err(Obstacle::Passing(error.to_string()))
            }
            Err(error) => Err(Obstacle::Lasting(error.to_string())),
        }
    };
    until(shutdown, "the database", try_once).await
}

/// Tries until it succeeds, with a growing wait in between.
pub(crate) async fn until<T, E: Display>(
    shutdown: &CancellationToken,
    what: &'static str,
    mut try_once: impl AsyncFnMut() -> Result<T, Obstacle<E>>,
) -> anyhow::Result<Option<T>> {
    let mut failures = 0;
    loop {
        let Some(tried) = shutdown.run_until_cancelled(try_once()).await else { return Ok(None) };
        match tried {
            Ok(found) => return Ok(Some(found)),
            Err(Obstacle::Lasting(error)) => return Err(anyhow!("{error}")),
            Err(Obstacle::Passing(error)) => {
                failures += 1;
                tracing::warn!(%error, "waiting for {what}");
                shutdown
                    .run_until_cancelled(tokio::time::sleep(backoff::short_delay(failures)))
                    .await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_away_is_waited_for() {
        let shutdown = CancellationToken::new();
        let mut tries = 0;
        let found = until(&shutdown, "a test", async || {
            tries += 1;
            if tries < 3 { Err(Obstacle::Passing("not yet")) } else { Ok(tries) }
        });
        assert_eq!(found.await.unwrap(), Some(3));
    }

    #[tokio::test]
    async fn what_will_never_do_is_an_error_at_once() {
        let shutdown = CancellationToken::new();
        let refused = until(&shutdown, "a test", async || Err::<(), _>(Obstacle::Lasting("no")));
        assert!(refused.await.is_err());
    }

    #[tokio::test]
    async fn a_shutdown_ends_the_wait() {
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        let waited = until(&shutdown, "a test", async || Err::<(), _>(Obstacle::Passing("away")));
        assert!(waited.await.unwrap().is_none());
    }
}

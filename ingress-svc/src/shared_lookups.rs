//! Look-ups for deliveries that are probably not authentic: all that wait share one query, and queries are a while
//! apart. Every answer was read after the delivery had come, so it is as good as a look-up of its own.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use paas_proto::events::Provider;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use uuid::Uuid;

use crate::store::{Credentials, Store};

const PAUSE: Duration = Duration::from_millis(200);
/// Deliveries that share a query, and as many again that wait for the next one.
const MAX_WAITING: usize = 1024;

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A flood beyond what is looked up at all.
    #[error("too many deliveries wait for a shared look-up")]
    TooMany,
    /// Said in the log once, for all that waited.
    #[error("a shared look-up failed")]
    Failed,
}

struct Question {
    app: Uuid,
    provider: Provider,
    answer: oneshot::Sender<Option<Credentials>>,
}

/// Asks for secrets.
#[derive(Debug, Clone)]
pub(crate) struct SharedLookups(mpsc::Sender<Question>);

impl SharedLookups {
    /// Call it on the main runtime; its work ends with the last clone.
    pub(crate) fn new(store: Store) -> Self {
        let (sender, questions) = mpsc::channel(MAX_WAITING);
        tokio::spawn(answer(store, questions));
        Self(sender)
    }

    /// The secrets of an app's source, `None` when there is no such source.
    pub(crate) async fn credentials(
        &self,
        app: Uuid,
        provider: Provider,
    ) -> Result<Option<Credentials>, Error> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Question { app, provider, answer }).map_err(|_| Error::TooMany)?;
        answered.await.map_err(|_| Error::Failed)
    }
}

async fn answer(store: Store, mut questions: mpsc::Receiver<Question>) {
    let mut waiting = Vec::new();
    let mut next = Instant::now();
    while let Some(question) = questions.recv().await {
        waiting.push(question);
        tokio::time::sleep_until(next).await;
        while waiting.len() < MAX_WAITING
            && let Ok(question) = questions.try_recv()
        {
            waiting.push(question);
        }
        let apps: HashSet<Uuid> = waiting.iter().map(|question| question.app).collect();
        match store.credentials_of(apps.into_iter().collect()).await {
            Ok(found) => answer_all(&mut waiting, &found),
            Err(error) => {
                tracing::warn!(%error, deliveries = waiting.len(), "a shared look-up failed");
                waiting.clear();
            }
        }
        next = Instant::now() + PAUSE;
    }
}

fn answer_all(waiting: &mut Vec<Question>, found: &HashMap<(Uuid, String), Credentials>) {
    for Question { app, provider, answer } in waiting.drain(..) {
        // Whoever asked may have gone away.
        let _ = answer.send(found.get(&(app, provider.name().to_owned())).cloned());
    }
}

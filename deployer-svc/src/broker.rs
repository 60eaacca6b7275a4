//! The connection to the broker. It never gives up: whoever uses it has deadlines of their own.

mod monitor;

use std::time::Duration;

use anyhow::Context as _;
use async_nats::{Client, ConnectErrorKind, Event, jetstream};
use paas_proto::streams::{Limits, Prefix};
use secrecy::{ExposeSecret as _, SecretString};

pub(crate) use monitor::Monitor;

/// A dead connection is noticed after two of these.
const PING_INTERVAL: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(5);
/// A user may read its own answers only: see deploy/nats.conf.
pub(crate) const INBOX: &str = "_INBOX.deployer-svc";

/// Which broker, and how streams are named on it.
#[derive(Debug, Clone, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// NATS server; several are separated by commas, a user and password may stand in the URL
    #[arg(long, env, default_value = "nats://127.0.0.1:4222", hide_env_values = true)]
    pub nats_url: SecretString,
    /// Keeps several installations apart on one broker
    #[arg(long, env, default_value = "")]
    pub stream_prefix: Prefix,
}

/// How much the streams may hold: what `migrate` sets up.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct StreamSettings {
    /// Servers that keep a copy of each stream: 1 in development, 3 in production
    #[arg(long, env, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=5))]
    pub stream_replicas: u8,
    /// Bytes that PUSHES may hold; a full stream refuses pushes, it never loses one
    #[arg(long, env, default_value_t = 1 << 30, value_parser = clap::value_parser!(i64).range(1 << 20..))]
    pub max_pushes_bytes: i64,
}

impl StreamSettings {
    /// As the protocol's rules take them.
    #[must_use]
    pub fn limits(self) -> Limits {
        Limits { replicas: self.stream_replicas.into(), max_pushes_bytes: self.max_pushes_bytes }
    }
}

/// Connects, and returns at once: the broker may be away when we start.
pub async fn connect(settings: &Settings, name: &str) -> anyhow::Result<Client> {
    let (servers, options) = paas_proto::broker::parse(settings.nats_url.expose_secret())?;
    options
        .name(name)
        .custom_inbox_prefix(INBOX)
        .retry_on_initial_connect()
        .ping_interval(PING_INTERVAL)
        .connection_timeout(TIMEOUT)
        .request_timeout(Some(TIMEOUT))
        .event_callback(|event| async move { log(&event) })
        .connect(servers)
        .await
        // The error may quote the URL, which may hold a password.
        .map_err(|error| anyhow::anyhow!("NATS_URL cannot be used: {}", error.kind()))
}

/// Connects now or not at all, for somebody who wants to know why not.
pub async fn connect_once(
    settings: &Settings,
    name: &str,
) -> anyhow::Result<Result<Client, ConnectErrorKind>> {
    let (servers, options) = paas_proto::broker::parse(settings.nats_url.expose_secret())?;
    let options = options.name(name).custom_inbox_prefix(INBOX).connection_timeout(TIMEOUT);
    let connected = options.request_timeout(Some(TIMEOUT)).connect(servers).await;
    // The error itself may quote the URL, which may hold a password.
    Ok(connected.map_err(|error| error.kind()))
}

/// JetStream on that connection.
#[must_use]
pub fn jetstream(client: &Client) -> jetstream::Context {
    let mut context = jetstream::new(client.clone());
    context.set_timeout(TIMEOUT);
    context
}

/// Whether the broker answers, and has JetStream.
pub async fn ping(client: &Client) -> anyhow::Result<()> {
    let answer = jetstream(client).query_account().await;
    answer.map(|_| ()).context("JetStream does not answer")
}

fn log(event: &Event) {
    match event {
        Event::Disconnected => tracing::warn!("the connection to the broker is lost; reconnecting"),
        Event::LameDuckMode => tracing::warn!("the broker is about to shut down"),
        // The client's own log says as much.
        Event::Connected | Event::Draining | Event::Closed => {}
        Event::SlowConsumer(_) | Event::ServerError(_) | Event::ClientError(_) => {
            tracing::warn!(%event, "trouble on the connection to the broker");
        }
    }
}

//! The settings: each is a flag with an environment variable, and `ingress-svc serve --help` is their reference.
//! Secrets are taken as text and parsed later, because an argument parser repeats what it cannot read.

mod git;

use std::{net::SocketAddr, sync::Arc};

use anyhow::Context as _;
use paas_proto::{callback::CallbackKey, streams::Prefix};
use secrecy::{ExposeSecret as _, SecretString};

pub use self::git::GitConfig;
use crate::{client::TrustedProxies, secrets::Keyring, token::TokenHash};

/// Settings of the ingress.
#[derive(Debug, Clone, clap::Args)]
pub struct Config {
    /// Address to listen on.
    #[arg(long, env, default_value = "127.0.0.1:8080")]
    pub listen_address: SocketAddr,
    /// Base URL under which the providers reach this service; makes each app's `webhook_url`.
    #[arg(long, env, default_value = "http://127.0.0.1:8080")]
    pub public_url: String,
    /// Postgres, for instance `postgres://ingress:…@db/paas`. `sslmode=require` makes TLS and verifies the server by
    /// the system's roots (or `SSL_CERT_FILE`).
    #[arg(long, env, hide_env_values = true)]
    pub database_url: SecretString,
    /// Connections to Postgres, at most.
    #[arg(long, env, default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..))]
    pub database_pool_size: u16,
    /// NATS servers, separated by commas.
    #[arg(long, env, default_value = "nats://127.0.0.1:4222", hide_env_values = true)]
    pub nats_url: SecretString,
    /// Base URL of the broker's monitoring port; with it, `/readyz` can say whether the broker is safe from power loss.
    #[arg(long, env)]
    pub nats_monitor_url: Option<String>,
    /// Keeps several installations apart on one broker.
    #[arg(long, env, default_value = "")]
    pub stream_prefix: Prefix,
    /// Keys that seal secrets in the database: `id:64hex[,id:64hex…]`, ids 1 to 255. The first seals, all open.
    #[arg(long, env, hide_env_values = true)]
    pub secrets_keys: SecretString,
    /// Key of the build callbacks' tokens, 64 hex digits; the deployer has the same.
    #[arg(long, env, hide_env_values = true)]
    pub callback_key: SecretString,
    /// SHA-256 of the management API's bearer token, 64 hex digits.
    #[arg(long, env, hide_env_values = true)]
    pub api_token_sha256: SecretString,
    /// Password of Tekton's events (HTTP Basic, user `tekton`); without it they are not received.
    #[arg(long, env, hide_env_values = true)]
    pub tekton_events_token: Option<SecretString>,
    /// The deployer's gRPC address.
    #[arg(long, env, default_value = "http://127.0.0.1:9090")]
    pub deployer_url: String,
    /// Bearer token for the deployer.
    #[arg(long, env, hide_env_values = true)]
    pub deployer_token: Option<SecretString>,
    /// Domain under which apps are served, each at `https://<app>.<domain>`.
    #[arg(long, env, default_value = "apps.localhost")]
    pub app_domain: String,
    /// Allow `file:` and loopback clone URLs, and providers on this machine over plain HTTP. For development only.
    #[arg(long, env)]
    pub allow_local_clone_urls: bool,
    /// The providers.
    #[command(flatten)]
    pub git: GitConfig,
    /// Bytes of request bodies held in memory at one time, at most; beyond it, deliveries are answered 503.
    #[arg(long, env, default_value_t = 256 * 1024 * 1024,
          value_parser = clap::value_parser!(u32).range(32 * 1024 * 1024..))]
    pub max_body_bytes_in_flight: u32,
    /// Connections at one time, at most; further ones wait until one is closed.
    #[arg(long, env, default_value_t = 4096, value_parser = clap::value_parser!(u32).range(1..))]
    pub max_connections: u32,
    /// How long a connection is kept open for another request; longer than the load balancer does.
    #[arg(long, env, default_value_t = 75, value_parser = clap::value_parser!(u64).range(1..))]
    pub keep_alive_seconds: u64,
    /// Networks of our own proxies, separated by commas: only they are believed in `X-Forwarded-For` and the like.
    #[arg(long, env, default_value = "")]
    pub trusted_proxies: TrustedProxies,
    /// Deliveries a minute from one client address that may fail to be authentic before they are looked up together
    /// with others and answered 429; 0: any number.
    #[arg(long, env, default_value_t = 600)]
    pub rate_limit_per_address: u32,
    /// The same for the deliveries of one app.
    #[arg(long, env, default_value_t = 600)]
    pub rate_limit_per_app: u32,
    /// Whether each request whose sender is known has a line in the log (target `access`).
    #[arg(long, env, default_value_t = true, action = clap::ArgAction::Set)]
    pub access_log: bool,
    /// Seconds between two sweeps, in which providers are asked for pushes that were never delivered and for the state of
    /// the webhooks; 0: they are never asked.
    #[arg(long, env, default_value_t = 180, value_parser = clap::value_parser!(u32).range(..=86_400))]
    pub sweep_seconds: u32,
    /// Days for which the ledger keeps what became of each delivery.
    #[arg(long, env, default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    pub deliveries_kept_days: u16,
    /// Where people read about a deploy, as commit statuses link to it; `{deploy_id}` stands for its id. Default:
    /// `{PUBLIC_URL}/v1/deploys/{deploy_id}`.
    #[arg(long, env)]
    pub deploy_url: Option<String>,
    /// How long requests are still served after a signal to stop, while `/readyz` says no, so that load balancers
    /// notice; 0: they know already.
    #[arg(long, env, default_value_t = 5)]
    pub drain_seconds: u64,
    /// How long requests underway may take to finish, once no more are taken.
    #[arg(long, env, default_value_t = 25)]
    pub shutdown_grace_seconds: u64,
}

/// What the secret settings mean.
pub(crate) struct Keys {
    pub(crate) secrets: Arc<Keyring>,
    pub(crate) callback: CallbackKey,
    pub(crate) api_token: TokenHash,
    pub(crate) tekton_token: Option<TokenHash>,
}

impl Config {
    /// Reads the secret settings; the service does not start without them.
    pub(crate) fn keys(&self) -> anyhow::Result<Keys> {
        let hash = |token: &SecretString| TokenHash::of(token.expose_secret().as_bytes());
        Ok(Keys {
            secrets: Arc::new(self.secrets_keys.expose_secret().parse().context("SECRETS_KEYS")?),
            callback: self.callback_key.expose_secret().parse().context("CALLBACK_KEY")?,
            api_token: self.api_token_sha256.expose_secret().parse().context("API_TOKEN_SHA256")?,
            tekton_token: given(self.tekton_events_token.as_ref()).map(hash),
        })
    }

    /// Where a provider sends an app's deliveries.
    pub(crate) fn webhook_url(&self, provider: &str, app: uuid::Uuid) -> String {
        format!("{}/v1/webhooks/{provider}/{app}", self.public_url.trim_end_matches('/'))
    }

    /// Where people read about a deploy.
    pub(crate) fn deploy_url(&self, deploy: uuid::Uuid) -> String {
        match self.deploy_url.as_deref().filter(|template| !template.is_empty()) {
            Some(template) => template.replace("{deploy_id}", &deploy.to_string()),
            None => format!("{}/v1/deploys/{deploy}", self.public_url.trim_end_matches('/')),
        }
    }

    /// Where an app is served.
    pub(crate) fn app_url(&self, name: &str) -> String {
        format!("https://{name}.{}", self.app_domain)
    }
}

/// A secret that is set; an empty one is not, lest an empty password open anything.
pub(crate) fn given(secret: Option<&SecretString>) -> Option<&SecretString> {
    secret.filter(|secret| !secret.expose_secret().is_empty())
}

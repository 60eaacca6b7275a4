//! How each process of the platform is started: its arguments and settings, the same for tests, demo and bench.

use std::path::{Path, PathBuf};

use anyhow::Result;
use forge_standin::{Provider, client_id, client_secret};

use crate::{binaries, keys::Keys, process::Spec};

/// What the processes of one installation share.
#[derive(Clone)]
pub struct Wiring {
    /// Where the processes log to.
    pub logs: PathBuf,
    /// `DATABASE_URL`.
    pub database_url: String,
    /// `NATS_URL`.
    pub nats_url: String,
    /// `NATS_MONITOR_URL`; empty when nobody is to ask.
    pub nats_monitor_url: String,
    /// `STREAM_PREFIX`.
    pub stream_prefix: String,
    /// `MAX_PUSHES_BYTES`; streams reserve it on the broker.
    pub max_pushes_bytes: u64,
    /// `KUBECONFIG`.
    pub kubeconfig: PathBuf,
    /// Where builds and developers reach the ingress.
    pub ingress_url: String,
    /// Where the ingress reaches the deployer.
    pub deployer_url: String,
    /// Where the stand-in of the providers is, if there is one.
    pub forge_url: Option<String>,
    /// Keys and tokens.
    pub keys: Keys,
}

impl Wiring {
    /// `deployer-svc migrate`: tables, streams and consumers.
    pub fn migrate(&self) -> Result<Spec> {
        Ok(self.service("migrate", "deployer-svc")?.args(["migrate"]))
    }

    /// `deployer-svc rebuild`: tells of every line whether its state is what its log folds to.
    pub fn rebuild(&self) -> Result<Spec> {
        Ok(self.service("rebuild", "deployer-svc")?.args(["rebuild"]))
    }

    /// One replica of the ingress.
    pub fn ingress(&self, name: &str, address: &str) -> Result<Spec> {
        let mut spec = self
            .service(name, "ingress-svc")?
            .args(["serve"])
            .env("LISTEN_ADDRESS", address)
            .env("PUBLIC_URL", &self.ingress_url)
            // Nobody asks `/readyz` before each request here: whoever waits, waits for nothing.
            .env("DRAIN_SECONDS", "0")
            .env("ALLOW_LOCAL_CLONE_URLS", "true")
            .env("SECRETS_KEYS", &self.keys.secrets_keys)
            .env("API_TOKEN_SHA256", self.keys.api_token_sha256())
            .env("TEKTON_EVENTS_TOKEN", &self.keys.tekton_events_token)
            .env("DEPLOYER_URL", &self.deployer_url);
        spec.env.extend(self.forge_url.as_deref().map(forge_settings).unwrap_or_default());
        Ok(spec)
    }

    /// One replica of the deployer.
    pub fn deployer(&self, name: &str, address: &str) -> Result<Spec> {
        Ok(self
            .service(name, "deployer-svc")?
            .args(["serve"])
            .env("GRPC_ADDRESS", address)
            .env("CALLBACK_URL", &self.ingress_url)
            .env("INGRESS_URL", &self.ingress_url)
            .env("KUBECONFIG", self.kubeconfig.display().to_string()))
    }

    fn service(&self, name: &str, program: &str) -> Result<Spec> {
        let mut spec = Spec::new(name, binaries::ours(program)?, &self.logs);
        if !self.nats_monitor_url.is_empty() {
            spec = spec.env("NATS_MONITOR_URL", &self.nats_monitor_url);
        }
        Ok(spec
            .env("DATABASE_URL", &self.database_url)
            .env("NATS_URL", &self.nats_url)
            .env("STREAM_PREFIX", &self.stream_prefix)
            .env("MAX_PUSHES_BYTES", self.max_pushes_bytes.to_string())
            .env("CALLBACK_KEY", &self.keys.callback_key)
            .env("DEPLOYER_TOKEN", &self.keys.deployer_token))
    }
}

/// The key of the GitHub App that the ingress is in tests; nobody else has it, nobody checks what it signs.
const GITHUB_APP_KEY: &str = include_str!("../forge/github-app-of-tests.pem");

/// The stand-in of the providers; OAuth leads back to the ingress at `ingress_url` only.
pub fn forge(logs: &Path, address: &str, state: &Path, ingress_url: &str) -> Result<Spec> {
    Ok(Spec::new("forge", binaries::ours("forge-standin")?, logs)
        .args(["--listen", address, "--callback", ingress_url])
        .arg("--state")
        .arg(state))
}

/// What the ingress is told so that the stand-in at `url` is all of its providers.
fn forge_settings(url: &str) -> Vec<(String, String)> {
    let clients = Provider::ALL.into_iter().flat_map(|provider| {
        let name = provider.name();
        let upper = name.to_uppercase();
        [
            (format!("{upper}_URL"), format!("{url}/{name}")),
            (format!("{upper}_CLIENT_ID"), client_id(provider)),
            (format!("{upper}_CLIENT_SECRET"), client_secret(provider)),
        ]
    });
    let github = [
        ("GITHUB_API_URL".to_owned(), format!("{url}/github/api")),
        ("GITHUB_APP_ID".to_owned(), "1234".to_owned()),
        ("GITHUB_APP_PRIVATE_KEY".to_owned(), GITHUB_APP_KEY.to_owned()),
    ];
    clients.chain(github).collect()
}

/// The cluster stand-in.
pub fn standin(logs: &Path, address: &str, kubeconfig: &Path, audit: &Path) -> Result<Spec> {
    Ok(Spec::new("standin", binaries::ours("cluster-standin")?, logs)
        .args(["--listen", address])
        .arg("--kubeconfig")
        .arg(kubeconfig)
        .arg("--audit")
        .arg(audit))
}

//! Keys and tokens of one installation on this machine: random, made once, readable by their owner only.

use std::{
    fmt::{Display, Write as _},
    io::Write as _,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// The secrets that the services are started with.
#[derive(Clone, Serialize, Deserialize)]
pub struct Keys {
    /// `SECRETS_KEYS`: seals secrets at rest.
    pub secrets_keys: String,
    /// `CALLBACK_KEY`: makes and checks the builds' callback tokens.
    pub callback_key: String,
    /// Bearer token of the management API; the ingress gets its hash.
    pub api_token: String,
    /// `DEPLOYER_TOKEN`: what the ingress shows the deployer.
    pub deployer_token: String,
    /// `TEKTON_EVENTS_TOKEN`: the password in the CloudEvents sink.
    pub tekton_events_token: String,
}

impl Keys {
    /// New ones.
    #[must_use]
    pub fn random() -> Self {
        Self {
            secrets_keys: format!("1:{}", random_hex()),
            callback_key: random_hex(),
            api_token: random_hex(),
            deployer_token: random_hex(),
            tekton_events_token: random_hex(),
        }
    }

    /// The ones kept in `folder`, made when there are none.
    pub fn load_or_make(folder: &Path) -> Result<Self> {
        let path: PathBuf = folder.join("keys.json");
        if let Ok(text) = std::fs::read_to_string(&path) {
            return serde_json::from_str(&text).with_context(|| format!("read {}", path.display()));
        }
        let keys = Self::random();
        write_private(&path, &serde_json::to_string_pretty(&keys)?)?;
        Ok(keys)
    }

    /// `API_TOKEN_SHA256`.
    #[must_use]
    pub fn api_token_sha256(&self) -> String {
        hex::encode(Sha256::digest(&self.api_token))
    }
}

/// 32 random bytes in hex.
#[must_use]
pub fn random_hex() -> String {
    hex::encode(rand::random::<[u8; 32]>())
}

/// Writes a file that only its owner may read, whole or not at all.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let draft = path.with_extension("draft");
    let _ = std::fs::remove_file(&draft);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .with_context(|| format!("create {}", draft.display()))?;
    file.write_all(text.as_bytes())?;
    std::fs::rename(&draft, path).with_context(|| format!("write {}", path.display()))
}

/// `name=value`, one a line.
#[must_use]
pub fn lines<N: Display, V: Display>(pairs: impl IntoIterator<Item = (N, V)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        // Writing to a string never fails.
        let _ = writeln!(text, "{name}={value}");
    }
    text
}

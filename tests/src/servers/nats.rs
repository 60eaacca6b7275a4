//! A private NATS server with JetStream.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};

use super::{Durability, Scratch};
use crate::{binaries, keys, ports, process::Spec, wait};

const PATIENCE: Duration = Duration::from_secs(30);

/// A configured server and how to start it.
#[derive(Debug, Clone)]
pub struct Nats {
    spec: Spec,
    port: u16,
    monitor: u16,
    version: String,
}

impl Nats {
    /// Writes its configuration; the server is started by whoever supervises it.
    pub async fn prepare(scratch: &Scratch) -> Result<Self> {
        Self::prepare_in(scratch, &scratch.folder("nats")?, Durability::Full).await
    }

    /// The same with its store in another folder; without durability, it syncs when it does by default.
    pub async fn prepare_in(
        scratch: &Scratch,
        store: &Path,
        durability: Durability,
    ) -> Result<Self> {
        let program = binaries::nats_server()?;
        let version = version(&program).await?;
        let (port, monitor) = (ports::free_port()?, ports::free_port()?);
        let always = durability == Durability::Full && syncs_always(&version);
        let sync = if always { "sync_interval: always" } else { "" };
        let config = format!(
            "listen: 127.0.0.1:{port}\n\
             http: 127.0.0.1:{monitor}\n\
             server_name: paas-dev\n\
             max_payload: 1MB\n\
             jetstream {{ store_dir: \"{}\", max_file_store: 64GB, max_memory_store: 64MB, {sync} }}\n",
            store.display(),
        );
        let path = store.join("nats.conf");
        keys::write_private(&path, &config)?;
        let spec = Spec::new("nats", program, scratch.path()).arg("-c").arg(path);
        Ok(Self { spec, port, monitor, version })
    }

    /// How to start it.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Where it tells how it is configured.
    #[must_use]
    pub fn monitor_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.monitor)
    }

    /// What to tell people when this version may lose acknowledged messages on power loss.
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        (!syncs_always(&self.version)).then(|| {
            format!(
                "nats-server {} has no `sync_interval`: a power cut may lose accepted pushes. \
                 Use 2.12.6 or newer.",
                self.version
            )
        })
    }

    /// Waits until JetStream takes messages.
    pub async fn ready(&self) -> Result<()> {
        let url = format!("{}/healthz", self.monitor_url());
        let http = crate::api::http_client()?;
        wait::until("NATS", PATIENCE, || async {
            Ok(http.get(&url).send().await?.status().is_success().then_some(()))
        })
        .await
        .with_context(|| self.spec.last_words())
    }
}

async fn version(program: &std::path::Path) -> Result<String> {
    let output = tokio::process::Command::new(program).arg("--version").output().await?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = text.rsplit(['v', ' ']).next().unwrap_or_default().trim().to_owned();
    anyhow::ensure!(!version.is_empty(), "{} tells no version", program.display());
    Ok(version)
}

/// `sync_interval: always` came with 2.10; an older server refuses a configuration that has it.
fn syncs_always(version: &str) -> bool {
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    (numbers.next(), numbers.next()) >= (Some(2), Some(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_older_than_2_10_is_not_power_safe() {
        assert!(syncs_always("2.15.1"));
        assert!(syncs_always("2.10.0"));
        assert!(!syncs_always("2.9.10"));
    }
}

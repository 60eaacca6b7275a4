//! The links that a test can cut.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{proxy::Proxy, roles::Wiring, servers::Addresses};

/// A proxy for each link; replicas of a service share theirs.
#[derive(Debug)]
pub struct Links {
    /// From the ingress to Postgres.
    pub ingress_to_postgres: Proxy,
    /// From the ingress to NATS.
    pub ingress_to_nats: Proxy,
    /// From the deployer to Postgres.
    pub deployer_to_postgres: Proxy,
    /// From the deployer to NATS.
    pub deployer_to_nats: Proxy,
    /// From the deployer to the Kubernetes API.
    pub deployer_to_cluster: Proxy,
    postgres: String,
    nats: String,
}

impl Links {
    pub(super) async fn start(servers: &Addresses, cluster: &str) -> Result<Self> {
        let (postgres, nats) = (host(&servers.database_url)?, host(&servers.nats_url)?);
        Ok(Self {
            ingress_to_postgres: link(&postgres).await?,
            ingress_to_nats: link(&nats).await?,
            deployer_to_postgres: link(&postgres).await?,
            deployer_to_nats: link(&nats).await?,
            deployer_to_cluster: link(cluster).await?,
            postgres,
            nats,
        })
    }

    /// The wiring as the ingress has it.
    pub(super) fn ingress(&self, wiring: &Wiring) -> Wiring {
        self.through(wiring, &self.ingress_to_postgres, &self.ingress_to_nats)
    }

    /// The wiring as the deployer has it.
    pub(super) fn deployer(&self, wiring: &Wiring) -> Wiring {
        self.through(wiring, &self.deployer_to_postgres, &self.deployer_to_nats)
    }

    fn through(&self, wiring: &Wiring, postgres: &Proxy, nats: &Proxy) -> Wiring {
        Wiring {
            database_url: postgres.instead_of(&self.postgres, &wiring.database_url),
            nats_url: nats.instead_of(&self.nats, &wiring.nats_url),
            ..wiring.clone()
        }
    }

    /// A copy of the stand-in's kubeconfig that leads through the link.
    pub(super) fn kubeconfig(&self, original: &Path, cluster: &str) -> Result<PathBuf> {
        let text = std::fs::read_to_string(original)?;
        anyhow::ensure!(text.contains(cluster), "the kubeconfig does not name {cluster}");
        let path = original.with_extension("through-link");
        std::fs::write(&path, self.deployer_to_cluster.instead_of(cluster, &text))?;
        Ok(path)
    }

    /// All of the deployer's links.
    #[must_use]
    pub fn of_deployer(&self) -> [&Proxy; 3] {
        [&self.deployer_to_postgres, &self.deployer_to_nats, &self.deployer_to_cluster]
    }

    /// Everything passes again.
    pub fn restore(&self) {
        let ingress = [&self.ingress_to_postgres, &self.ingress_to_nats];
        ingress.into_iter().chain(self.of_deployer()).for_each(Proxy::restore);
    }
}

async fn link(upstream: &str) -> Result<Proxy> {
    Proxy::start("127.0.0.1:0", vec![upstream.to_owned()]).await
}

/// The `host:port` of a URL.
fn host(url: &str) -> Result<String> {
    let rest = url.split_once("://").map(|(_, rest)| rest).context("a URL without a scheme")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    Ok(authority.rsplit('@').next().unwrap_or(authority).to_owned())
}

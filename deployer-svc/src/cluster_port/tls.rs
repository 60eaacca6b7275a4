//! Certificates between the deployer and an agent elsewhere: the same three files on either side.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, bail};
use tonic::transport::{Certificate, ClientTlsConfig, Identity, ServerTlsConfig};

/// Files with this side's certificate and the other side's authority.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Tls {
    /// PEM file of the authority that signed the other side's certificate
    #[arg(long, env)]
    pub cluster_agent_ca: Option<PathBuf>,
    /// PEM file of this side's certificate
    #[arg(long, env)]
    pub cluster_agent_cert: Option<PathBuf>,
    /// PEM file of this side's private key
    #[arg(long, env)]
    pub cluster_agent_key: Option<PathBuf>,
}

impl Tls {
    /// Whether callers will have to show a certificate.
    #[must_use]
    pub fn is_mutual(&self) -> bool {
        self.cluster_agent_ca.is_some() && self.cluster_agent_cert.is_some()
    }

    /// For a caller: trusts the given authority, and shows the certificate if there is one.
    pub fn of_client(&self) -> anyhow::Result<ClientTlsConfig> {
        let ca = self.cluster_agent_ca.as_ref();
        let ca = ca.context("an agent on https needs CLUSTER_AGENT_CA, the authority to trust")?;
        let config = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(ca)?));
        Ok(match self.identity()? {
            Some(identity) => config.identity(identity),
            None => config,
        })
    }

    /// For the agent: `None` is plaintext. With an authority, callers must show a certificate that it signed.
    pub fn of_server(&self) -> anyhow::Result<Option<ServerTlsConfig>> {
        let Some(identity) = self.identity()? else {
            if self.cluster_agent_ca.is_some() {
                bail!("CLUSTER_AGENT_CA needs CLUSTER_AGENT_CERT and CLUSTER_AGENT_KEY beside it");
            }
            return Ok(None);
        };
        let config = ServerTlsConfig::new().identity(identity);
        Ok(Some(match &self.cluster_agent_ca {
            Some(ca) => config.client_ca_root(Certificate::from_pem(read(ca)?)),
            None => config,
        }))
    }

    fn identity(&self) -> anyhow::Result<Option<Identity>> {
        match (&self.cluster_agent_cert, &self.cluster_agent_key) {
            (Some(cert), Some(key)) => Ok(Some(Identity::from_pem(read(cert)?, read(key)?))),
            (None, None) => Ok(None),
            _ => bail!("CLUSTER_AGENT_CERT and CLUSTER_AGENT_KEY go together"),
        }
    }
}

fn read(path: &PathBuf) -> anyhow::Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("cannot read {}", path.display()))
}

//! The providers that the administrator configured, by name.

use git_providers::{Client, Kind};
use paas_proto::events::Provider;

use crate::config::GitConfig;

/// All of them; clones share their connections.
#[derive(Debug, Clone)]
pub(crate) struct Providers(Vec<Client>);

impl Providers {
    /// Connects to nothing yet.
    pub(crate) fn new(config: &GitConfig, allow_loopback: bool) -> anyhow::Result<Self> {
        config.clients(allow_loopback).map(Self)
    }

    /// One of them, if it is configured.
    pub(crate) fn get(&self, provider: Provider) -> Option<&Client> {
        self.0.iter().find(|client| provider_of(client.kind()) == provider)
    }
}

fn provider_of(kind: Kind) -> Provider {
    match kind {
        Kind::Github => Provider::Github,
        Kind::Gitlab => Provider::Gitlab,
        Kind::Forgejo => Provider::Forgejo,
    }
}

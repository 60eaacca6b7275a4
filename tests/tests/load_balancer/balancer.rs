//! Debian's haproxy with the configuration that ships.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use e2e::{
    api::http_client,
    binaries, ports,
    process::{Process, Spec},
    servers::Scratch,
    wait,
};

use super::PATIENCE;

/// In front of two replicas of the ingress.
pub(super) struct Balancer {
    url: String,
    status: String,
    _process: Process,
    _scratch: Scratch,
}

impl Balancer {
    /// Starts it, and waits until it sees both replicas.
    pub(super) async fn start(replicas: [&str; 2]) -> Result<Self> {
        let scratch = Scratch::new()?;
        let address = || Ok::<_, anyhow::Error>(format!("127.0.0.1:{}", ports::free_port()?));
        let (listen, status) = (address()?, address()?);
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/haproxy.cfg");
        let spec = Spec::new("haproxy", program()?, scratch.path())
            .args(["-db", "-f"])
            .arg(config)
            .env("LISTEN", &listen)
            .env("LISTEN_STATUS", &status)
            .env("INGRESS_1", replicas[0])
            .env("INGRESS_2", replicas[1]);
        let process = spec.start().await?;
        let url = format!("http://{listen}");
        let balancer = Self { url, status, _process: process, _scratch: scratch };
        for number in [1, 2] {
            balancer.sees(number, "UP").await.with_context(|| spec.last_words())?;
        }
        Ok(balancer)
    }

    /// Where clients go.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// Waits until it has noticed that a replica is `UP` or `DOWN`.
    pub(super) async fn sees(&self, number: usize, wanted: &str) -> Result<()> {
        let (http, url) = (http_client()?, format!("http://{}/stats;csv", self.status));
        let row = format!("ingress,ingress-{number},");
        wait::until(&format!("haproxy to see ingress-{number} {wanted}"), PATIENCE, || async {
            let text = http.get(&url).send().await?.text().await?;
            let server = text.lines().find(|line| line.starts_with(&row)).context("no server")?;
            // The column `status`; a state that is about to change reads `UP 1/2`.
            Ok((server.split(',').nth(17) == Some(wanted)).then_some(()))
        })
        .await
    }
}

/// The one that `./dev setup` unpacks, else the machine's.
fn program() -> Result<PathBuf> {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.dev/bin/haproxy");
    Some(unpacked)
        .filter(|path| path.is_file())
        .or_else(|| binaries::in_path("haproxy"))
        .context("haproxy is not installed: `./dev setup` unpacks it into .dev/bin")
}

//! The broker's monitoring endpoint: the only place that tells whether it writes before it acknowledges.

use std::time::Duration;

use serde::Deserialize;

const TIMEOUT: Duration = Duration::from_secs(3);

/// Reads the broker's configuration.
#[derive(Debug, Clone)]
pub(crate) struct Monitor {
    client: reqwest::Client,
    url: String,
}

#[derive(Deserialize)]
struct Varz {
    jetstream: JetStream,
}

#[derive(Deserialize)]
struct JetStream {
    config: Config,
}

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    sync_always: bool,
}

impl Monitor {
    /// The monitor at this base URL.
    pub(crate) fn new(url: &str) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
        Ok(Self { client, url: format!("{}/varz", url.trim_end_matches('/')) })
    }

    /// Whether it runs with `sync_interval: always`.
    pub(crate) async fn syncs_always(&self) -> Result<bool, reqwest::Error> {
        let answer = self.client.get(&self.url).send().await?.error_for_status()?;
        Ok(answer.json::<Varz>().await?.jetstream.config.sync_always)
    }
}

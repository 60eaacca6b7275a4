//! Everything that anybody can look at.

use std::{collections::BTreeMap, process::Stdio};

use async_nats::jetstream::{
    self,
    consumer::{DeliverPolicy, pull},
};
use e2e::{binaries, collector::Collector, harness::Platform, wait};
use futures_util::StreamExt as _;
use tokio::process::Command;

use super::secrets::Secrets;
use crate::aftermath::PATIENCE;

/// Texts, by where they were seen.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<&'static str, String>);

impl Seen {
    pub(super) fn note(&mut self, place: &'static str, text: &str) {
        let all = self.0.entry(place).or_default();
        all.push_str(text);
        all.push('\n');
    }

    /// What the platform left everywhere, once all of it is there.
    pub(super) async fn gather(&mut self, platform: &Platform, collector: &Collector) {
        for replica in platform.ingress.iter().chain(&platform.deployer) {
            self.note("logs", &replica.log());
        }
        self.gather_telemetry(collector).await;
        for write in platform.audit().unwrap().iter().filter(|write| write.kind != "Secret") {
            self.note("Kubernetes", &serde_json::to_string(&write.body).unwrap());
        }
        self.gather_tables(platform).await;
        self.gather_streams(platform).await;
        let metrics = format!("http://{}/metrics", platform.ingress[0].address());
        self.note("metrics", &reqwest::get(metrics).await.unwrap().text().await.unwrap());
    }

    async fn gather_telemetry(&mut self, collector: &Collector) {
        wait::until("spans, logs and metrics", PATIENCE, || async {
            let is_all = collector.received(|all| {
                let metrics = all.metrics.iter().any(|it| it.name.contains("commit_statuses"));
                all.spans.iter().any(|span| span.name == "deploy")
                    && !all.logs.is_empty()
                    && metrics
            });
            Ok(is_all.then_some(()))
        })
        .await
        .unwrap();
        let received = collector.received(|all| format!("{all:?}"));
        self.note("telemetry", &received);
    }

    /// Sealed columns among them: in the clear they would show as hex.
    async fn gather_tables(&mut self, platform: &Platform) {
        let database = platform.database().await.unwrap();
        let tables = "select tablename::text from pg_tables where schemaname = 'public'";
        for table in database.query(tables, &[]).await.unwrap() {
            let table: String = table.get(0);
            let rows = format!("select coalesce(string_agg(t::text, ' '), '') from {table} t");
            let rows: String = database.query_one(&rows, &[]).await.unwrap().get(0);
            self.note("tables", &format!("{table}: {rows}"));
        }
    }

    async fn gather_streams(&mut self, platform: &Platform) {
        let jetstream: jetstream::Context = platform.jetstream().await.unwrap();
        let prefix: paas_proto::streams::Prefix = platform.wiring().stream_prefix.parse().unwrap();
        for name in [prefix.pushes(), prefix.builds(), prefix.deploys()] {
            let stream = jetstream.get_stream(&name).await.unwrap();
            let reader =
                pull::Config { deliver_policy: DeliverPolicy::All, ..pull::Config::default() };
            let reader = stream.create_consumer(reader).await.unwrap();
            let mut batch = reader.fetch().max_messages(10_000).messages().await.unwrap();
            while let Some(message) = batch.next().await {
                let message = message.unwrap();
                let text = String::from_utf8_lossy(&message.payload).into_owned();
                self.note("streams", &format!("{name} {:?} {text}", message.headers));
            }
        }
    }

    /// Which secret was seen where.
    pub(super) fn leaks(&self, secrets: &Secrets) -> Vec<String> {
        let in_place = |(place, text): (&&str, &String)| {
            let found = secrets.found_in(text).into_iter();
            found.map(|leak| format!("in {place}, {leak}")).collect::<Vec<_>>()
        };
        self.0.iter().flat_map(in_place).collect()
    }

    pub(super) fn places(&self) -> usize {
        self.0.values().filter(|text| !text.is_empty()).count()
    }
}

/// Runs `paas` as its people do, and returns all it says.
pub(super) async fn paas(platform: &Platform, arguments: &[&str]) -> String {
    let mut command = Command::new(binaries::ours("paas").unwrap());
    command
        .args(arguments)
        .env_clear()
        .env("PAAS_URL", platform.api.url())
        .env("PAAS_TOKEN", &platform.wiring().keys.api_token)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let said = [output.stdout, output.stderr].concat();
    format!("{arguments:?}: {}", String::from_utf8_lossy(&said))
}

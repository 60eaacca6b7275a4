//! Where the record comes from: SQL, the stream and the audit log, read by their public shape.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, pull},
};
use futures_util::StreamExt as _;
use paas_proto::{events::PushEvent, streams::Prefix};
use prost::Message as _;
use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use super::{StoredPush, World};

/// What is on record about an app.
#[derive(Debug, Clone, Default)]
pub struct AppRow {
    /// The live commit.
    pub last_deploy_sha: Option<String>,
}

/// A deploy's summary.
#[derive(Debug, Clone)]
pub struct DeployRow {
    /// The commit.
    pub sha: String,
    /// Where it comes from.
    pub source: String,
    /// Where it stands.
    pub state: String,
}

/// One event of the log.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Whose log.
    pub app: Uuid,
    /// Where in it.
    pub version: i64,
    /// The deploy that it is about.
    pub deploy: Option<Uuid>,
    /// Its name.
    pub kind: String,
    /// The whole.
    pub data: Value,
}

impl World {
    /// Reads the tables.
    pub async fn read_tables(&mut self, database: &Client) -> Result<()> {
        let apps =
            "select a.app_id, s.last_deploy_sha from apps a join app_git_sources s using (app_id)";
        for row in database.query(apps, &[]).await? {
            self.apps.insert(row.get(0), AppRow { last_deploy_sha: row.get(1) });
        }
        for row in database.query("select deploy_id, sha, source, state from deploys", &[]).await? {
            let deploy = DeployRow { sha: row.get(1), source: row.get(2), state: row.get(3) };
            self.deploys.insert(row.get(0), deploy);
        }
        let events = "select app_id, version, deploy_id, type, data from line_events \
                      order by app_id, version";
        for row in database.query(events, &[]).await? {
            let data: String = row.get(4);
            self.events.push(EventRow {
                app: row.get(0),
                version: row.get(1),
                deploy: row.get(2),
                kind: row.get(3),
                data: serde_json::from_str(&data).context("an event's data")?,
            });
        }
        for row in database.query("select app_id, version from lines", &[]).await? {
            self.lines.insert(row.get(0), row.get(1));
        }
        let letters = "select message_id from dead_letters where message_id is not null";
        let letters = database.query(letters, &[]).await?;
        let ids = letters.iter().filter_map(|row| Uuid::try_parse(row.get(0)).ok());
        self.dead_letters = ids.collect::<BTreeSet<_>>();
        Ok(())
    }

    /// Reads the stream of pushes.
    pub async fn read_pushes(
        &mut self,
        jetstream: &jetstream::Context,
        prefix: &Prefix,
    ) -> Result<()> {
        let stream = jetstream.get_stream(prefix.pushes()).await?;
        let info = stream.get_info().await?;
        let epoch = u64::try_from(info.created.unix_timestamp())?;
        let reader = pull::Config { ack_policy: AckPolicy::None, ..pull::Config::default() };
        let consumer = stream.create_consumer(reader).await?;
        let wanted = usize::try_from(info.state.messages)?;
        while self.pushes.len() < wanted {
            let mut batch = consumer.fetch().max_messages(500).messages().await?;
            while let Some(message) = batch.next().await {
                let message = message.map_err(|error| anyhow::anyhow!(error))?;
                let sequence =
                    message.info().map_err(|error| anyhow::anyhow!(error))?.stream_sequence;
                let push = PushEvent::decode(message.payload.clone())?;
                self.pushes.push(stored(push, (epoch, sequence))?);
            }
        }
        Ok(())
    }
}

fn stored(push: PushEvent, place: (u64, u64)) -> Result<StoredPush> {
    let original = push.original_place.map(|place| (place.epoch, place.sequence));
    Ok(StoredPush {
        place: original.unwrap_or(place),
        deploy: Uuid::try_parse(&push.deploy_id)?,
        app: Uuid::try_parse(&push.app_id)?,
        before: push.before,
        after: push.after,
        pushed_at: push.pushed_at,
    })
}

//! Where the record comes from: SQL, the stream and the audit log, read by their public shape.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use async_nats::jetstream::{
    self,
    consumer::{AckPolicy, pull},
};
use bytes::Bytes;
use futures_util::StreamExt as _;
use paas_proto::{
    events::{DeployEvent, PushEvent},
    streams::Prefix,
};
use prost::Message as _;
use serde_json::Value;
use tokio_postgres::Client;
use uuid::Uuid;

use super::{StoredPush, World};

/// What is on record about an app.
#[derive(Debug, Clone, Default)]
pub struct AppRow {
    /// Its name, which is also its Deployment's.
    pub name: String,
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
    /// Its image by digest, once there is one.
    pub image: Option<String>,
}

/// An app's state.
#[derive(Debug, Clone, Default)]
pub struct LineRow {
    /// How many events it is the fold of.
    pub version: i64,
    /// The whole.
    pub state: Value,
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
            "select app_id, name, last_deploy_sha from apps join app_git_sources using (app_id)";
        for row in database.query(apps, &[]).await? {
            self.apps.insert(row.get(0), AppRow { name: row.get(1), last_deploy_sha: row.get(2) });
        }
        let deploys = "select deploy_id, sha, source, state, image from deploys";
        for row in database.query(deploys, &[]).await? {
            let (sha, source) = (row.get(1), row.get(2));
            let deploy = DeployRow { sha, source, state: row.get(3), image: row.get(4) };
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
        for row in database.query("select app_id, version, state from lines", &[]).await? {
            let state: String = row.get(2);
            let state = serde_json::from_str(&state).context("a line's state")?;
            self.lines.insert(row.get(0), LineRow { version: row.get(1), state });
        }
        let letters = "select epoch, sequence from dead_letters where stream like '%PUSHES'";
        for row in database.query(letters, &[]).await? {
            let place: (i64, i64) = (row.get(0), row.get(1));
            self.dead_letters.insert((u64::try_from(place.0)?, u64::try_from(place.1)?));
        }
        Ok(())
    }

    /// Reads the stream of pushes. A push that was stored again stands where it stood first.
    pub async fn read_pushes(
        &mut self,
        jetstream: &jetstream::Context,
        prefix: &Prefix,
    ) -> Result<()> {
        let mut known = BTreeSet::new();
        let (epoch, messages) = read_stream(jetstream, &prefix.pushes()).await?;
        for (sequence, payload) in messages {
            let place = (epoch, sequence);
            let push = PushEvent::decode(payload).ok().and_then(|push| stored(push, place));
            match push {
                Some(push) if !known.insert(push.deploy) => {}
                Some(push) => self.pushes.push(push),
                None => self.unreadable.push(place),
            }
        }
        Ok(())
    }

    /// Reads the public copy of the log.
    pub async fn read_copy(
        &mut self,
        jetstream: &jetstream::Context,
        prefix: &Prefix,
    ) -> Result<()> {
        for (_, payload) in read_stream(jetstream, &prefix.deploys()).await?.1 {
            let event = DeployEvent::decode(payload)?;
            self.copy.push((Uuid::try_parse(&event.app_id)?, i64::try_from(event.version)?));
        }
        Ok(())
    }
}

/// Sequence and payload of every message of a stream, and when the stream was created, in Unix seconds.
async fn read_stream(
    jetstream: &jetstream::Context,
    name: &str,
) -> Result<(u64, Vec<(u64, Bytes)>)> {
    let stream = jetstream.get_stream(name).await?;
    let info = stream.get_info().await?;
    let reader = pull::Config { ack_policy: AckPolicy::None, ..pull::Config::default() };
    let consumer = stream.create_consumer(reader).await?;
    let wanted = usize::try_from(info.state.messages)?;
    let mut messages = Vec::with_capacity(wanted);
    while messages.len() < wanted {
        let mut batch = consumer.fetch().max_messages(500).messages().await?;
        while let Some(message) = batch.next().await {
            let message = message.map_err(|error| anyhow::anyhow!(error))?;
            let sequence = message.info().map_err(|error| anyhow::anyhow!(error))?.stream_sequence;
            messages.push((sequence, message.payload.clone()));
        }
    }
    Ok((u64::try_from(info.created.unix_timestamp())?, messages))
}

/// `None` for what names no deploy of an app: it must be among the dead letters.
fn stored(push: PushEvent, stored_at: (u64, u64)) -> Option<StoredPush> {
    let original = push.original_place.map(|place| (place.epoch, place.sequence));
    Some(StoredPush {
        place: original.unwrap_or(stored_at),
        stored_at,
        deploy: Uuid::try_parse(&push.deploy_id).ok()?,
        app: Uuid::try_parse(&push.app_id).ok()?,
        before: push.before,
        after: push.after,
        pushed_at: push.pushed_at,
    })
}

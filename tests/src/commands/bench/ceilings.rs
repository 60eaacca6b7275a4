//! What bounds an ingress that stores before it answers: the broker's acknowledgements and the database's commits.

use std::sync::Arc;

use anyhow::{Result, ensure};
use bytes::Bytes;
use e2e::{
    harness::connect,
    load::{self, Measured},
    stack::Stack,
};
use paas_proto::{
    events::Provider,
    streams::{Limits, Prefix},
};
use uuid::Uuid;

use super::{Args, WARM_UP};

/// About a normalised push.
const MESSAGE_BYTES: usize = 600;

/// Each alone.
pub(super) struct Ceilings {
    /// Messages with an id that JetStream acknowledged.
    pub(super) acks: Measured,
    /// Transactions that inserted one row.
    pub(super) commits: Measured,
}

pub(super) async fn measure(stack: &Stack, args: &Args) -> Result<Ceilings> {
    Ok(Ceilings { commits: commits(stack, args).await?, acks: acks(stack, args).await? })
}

async fn acks(stack: &Stack, args: &Args) -> Result<Measured> {
    let client = async_nats::connect(stack.setting("NATS_URL")).await?;
    let jetstream = async_nats::jetstream::new(client);
    // A stream with the settings of PUSHES, beside it.
    let prefix: Prefix = "bench".parse()?;
    let [pushes, ..] = prefix.configs(Limits::default());
    jetstream.create_stream(pushes).await?;
    let subject = Arc::new(move || prefix.push_subject(Provider::Github, Uuid::new_v4()));
    let workers = vec![jetstream.clone(); args.workers()];
    let measured = load::run(workers, WARM_UP, args.duration(), move |jetstream| {
        let subject = subject();
        async move {
            let mut headers = async_nats::HeaderMap::new();
            headers.insert(async_nats::header::NATS_MESSAGE_ID, Uuid::new_v4().to_string());
            let payload = Bytes::from_static(&[7; MESSAGE_BYTES]);
            let ack = jetstream.publish_with_headers(subject, headers, payload).await?;
            ensure!(!ack.await?.duplicate, "a new message taken for a duplicate");
            Ok(jetstream)
        }
    });
    let measured = measured.await?;
    jetstream.delete_stream("bench_PUSHES").await?;
    Ok(measured)
}

async fn commits(stack: &Stack, args: &Args) -> Result<Measured> {
    let url = stack.setting("DATABASE_URL");
    let admin = connect(url).await?;
    admin.batch_execute("create table bench (id uuid primary key, data bytea not null)").await?;
    let mut workers = Vec::new();
    for _ in 0..args.workers() {
        let client = connect(url).await?;
        let insert = client.prepare("insert into bench (id, data) values ($1, $2)").await?;
        workers.push((client, insert));
    }
    let measured = load::run(workers, WARM_UP, args.duration(), |(client, insert)| async move {
        client.execute(&insert, &[&Uuid::new_v4(), &[7_u8; MESSAGE_BYTES].as_slice()]).await?;
        Ok((client, insert))
    });
    let measured = measured.await?;
    admin.batch_execute("drop table bench").await?;
    Ok(measured)
}

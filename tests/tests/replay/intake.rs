//! What the intake mends by itself over time: a subscription that brings nothing, and an inbox that only grows.

use std::time::Duration;

use async_nats::datetime;
use e2e::{
    harness::{Options, Platform},
    wait,
};
use paas_proto::streams::DEPLOYER;

use super::PATIENCE;
use crate::aftermath;

#[tokio::test]
async fn a_consumer_that_delivers_nothing_is_subscribed_to_anew() {
    let patience = ("CONSUMER_PATIENCE_SECONDS", "1".to_owned());
    let options = Options { deployer_env: vec![patience], ..Options::default() };
    let platform = Platform::start_with(options).await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let first = platform.accepted(&app, &app.push()).await.unwrap();
    platform.live(first).await.unwrap();
    let jetstream = platform.jetstream().await.unwrap();
    let stream = jetstream.get_stream(platform.prefix().unwrap().pushes()).await.unwrap();
    let later = datetime::now() + Duration::from_mins(10);
    stream.pause_consumer(DEPLOYER, later).await.unwrap();

    let second = platform.accepted(&app, &app.push()).await.unwrap();
    wait::until("the deployer to notice", PATIENCE, || async {
        let log = platform.deployer[0].log();
        Ok(log.contains("subscribing anew").then_some(()))
    })
    .await
    .unwrap();
    stream.resume_consumer(DEPLOYER).await.unwrap();
    platform.live(second).await.unwrap();
    aftermath::is_in_order(&platform, &[first, second]).await;
}

#[tokio::test]
async fn the_inbox_forgets_what_the_stream_has_forgotten() {
    let options = Options { deployers_run: false, ..Options::default() };
    let mut platform = Platform::start_with(options).await.unwrap();
    let database = platform.database().await.unwrap();
    let rows = "insert into inbox (stream, message_id, sequence, received_at) values \
        ('PUSHES', 'old', 1, now() - interval '16 days'), ('PUSHES', 'kept', 2, now() - interval '14 days')";
    database.execute(rows, &[]).await.unwrap();
    platform.start_deployers().await.unwrap();
    wait::until("the old message to be forgotten", PATIENCE, || async {
        let left = database.query("select message_id from inbox", &[]).await?;
        let left: Vec<String> = left.iter().map(|row| row.get(0)).collect();
        Ok((left == ["kept"]).then_some(()))
    })
    .await
    .unwrap();
}

//! What builds say is kept: after their pods are gone, over a crash of whoever reads it, and for as long as it should.

use std::time::Duration;

use e2e::{
    harness::{Options, Platform},
    wait,
};
use serde_json::json;
use uuid::Uuid;

use super::{BURST, PATIENCE, Reader, Told, assert_whole, platform};
use crate::identity::{builds_of, reaches};

/// Waits until the whole log of a deploy's build is kept.
pub(crate) async fn complete(platform: &Platform, deploy: Uuid) {
    let database = platform.database().await.unwrap();
    wait::until("the build's log to be complete", PATIENCE, || async {
        let sql = "select 1 from build_logs where deploy_id = $1 and state = 'complete'";
        Ok(database.query_opt(sql, &[&deploy]).await?.map(drop))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_builds_log_is_there_when_the_cluster_is_not() {
    let mut platform = platform().await;
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.live(id).await.unwrap();
    complete(&platform, id).await;
    platform.cluster.kill().await.unwrap();
    let query = format!("tail=10000&deploy_id={id}");
    let lines = Reader::open(&platform, &app, &query).await.into_lines().await;
    assert_whole(&super::of(&lines, "build"), BURST);
    assert_eq!(super::of(&lines, "deploy").len(), 5);
    // The app's own lines are missed in words.
    let lines = Reader::open(&platform, &app, "tail=10000").await.into_lines().await;
    assert!(lines.iter().any(|line| line.origin() == "paas"), "{lines:#?}");
    platform.leave_unclean();
}

#[tokio::test]
async fn a_deployer_that_is_killed_while_it_reads_leaves_no_gap_and_no_double() {
    let options = Options { build: Duration::from_secs(4), deployer: 2, ..Options::default() };
    let mut platform = Platform::start_with(options).await.unwrap();
    let logs = json!({ "logs": { "lines": 300, "per_second": 50 } });
    platform.switch(logs).await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    let database = platform.database().await.unwrap();
    for victim in [0, 1, 0] {
        let before: i64 = kept(&database, id).await;
        // Whoever takes over may have caught up with all of it at once.
        let complete = "select 1 from build_logs where deploy_id = $1 and state = 'complete'";
        wait::until("some more lines to be kept", PATIENCE, || async {
            let is_complete = database.query_opt(complete, &[&id]).await?.is_some();
            Ok((is_complete || kept(&database, id).await > before).then_some(()))
        })
        .await
        .unwrap();
        platform.deployer[victim].kill().await.unwrap();
        platform.deployer[victim].start().await.unwrap();
    }
    platform.live(id).await.unwrap();
    complete(&platform, id).await;
    let query = format!("tail=10000&source=build&deploy_id={id}");
    let lines = Reader::open(&platform, &app, &query).await.into_lines().await;
    assert_whole(&lines.iter().collect::<Vec<_>>(), 300);
    // And the ticks of each step, one by one.
    let mut steps: Vec<_> = lines.iter().map(Told::origin).collect();
    steps.sort_unstable();
    steps.dedup();
    for step in steps {
        let of_step = lines.iter().filter(|line| line.origin() == step);
        let ticks: Vec<_> = of_step.filter_map(|line| line.text().strip_prefix("tick ")).collect();
        let expected: Vec<_> = (1..=ticks.len()).map(|n| n.to_string()).collect();
        assert_eq!(ticks, expected, "{step}");
    }
    for replica in &platform.deployer {
        replica.ready().await.unwrap();
    }
}

async fn kept(database: &tokio_postgres::Client, deploy: Uuid) -> i64 {
    let sql = "select lines from build_logs where deploy_id = $1";
    let row = database.query_opt(sql, &[&deploy]).await.unwrap();
    row.map_or(0, |row| row.get(0))
}

#[tokio::test]
async fn a_build_that_nobody_followed_is_read_while_its_pods_are_there() {
    let mut platform = platform().await;
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    builds_of(&platform, &push.after, "fail").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    reaches(&platform, id, "failed").await;
    platform.deployer[0].kill().await.unwrap();
    // As if it had ended while nobody was there to follow it.
    let database = platform.database().await.unwrap();
    database.execute("delete from build_logs", &[]).await.unwrap();
    platform.start_deployers().await.unwrap();
    complete(&platform, id).await;
    let query = format!("tail=10000&source=build&deploy_id={id}");
    let lines = Reader::open(&platform, &app, &query).await.into_lines().await;
    assert_whole(&lines.iter().collect::<Vec<_>>(), BURST);
}

#[tokio::test]
async fn a_log_without_end_is_cut_and_says_so() {
    let platform = Platform::start().await.unwrap();
    platform.switch(json!({ "logs": { "lines": 60_000 } })).await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.live(id).await.unwrap();
    let database = platform.database().await.unwrap();
    let (lines, state) = wait::until("the log to be cut", PATIENCE, || async {
        let sql =
            "select lines, state from build_logs where deploy_id = $1 and state <> 'following'";
        let row = database.query_opt(sql, &[&id]).await?;
        Ok(row.map(|row| (row.get::<_, i64>(0), row.get::<_, String>(1))))
    })
    .await
    .unwrap();
    assert_eq!((lines, state.as_str()), (50_001, "truncated"));
    let query = format!("tail=2&source=build&deploy_id={id}");
    let lines = Reader::open(&platform, &app, &query).await.into_lines().await;
    assert_eq!(lines[1].origin(), "paas");
    assert!(lines[1].text().contains("50000 lines"), "{lines:?}");
}

#[tokio::test]
async fn logs_are_forgotten_after_their_time_and_not_before() {
    let mut platform = platform().await;
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let old = platform.accepted(&app, &push).await.unwrap();
    platform.live(old).await.unwrap();
    let young = platform.accepted(&app, &push.then(&"e".repeat(40))).await.unwrap();
    platform.live(young).await.unwrap();
    for id in [old, young] {
        complete(&platform, id).await;
    }
    let database = platform.database().await.unwrap();
    for (id, days) in [(old, 31), (young, 29)] {
        let sql = "update build_logs set started_at = now() - make_interval(days => $2) \
             where deploy_id = $1";
        database.execute(sql, &[&id, &days]).await.unwrap();
    }
    // It looks when it starts, and every hour.
    platform.deployer[0].kill().await.unwrap();
    platform.start_deployers().await.unwrap();
    wait::until("the old log to be forgotten", PATIENCE, || async {
        Ok((chunks(&database, old).await == 0).then_some(()))
    })
    .await
    .unwrap();
    assert!(chunks(&database, young).await > 0);
}

async fn chunks(database: &tokio_postgres::Client, deploy: Uuid) -> i64 {
    let sql = "select count(*) from build_log_chunks where deploy_id = $1";
    database.query_one(sql, &[&deploy]).await.unwrap().get(0)
}

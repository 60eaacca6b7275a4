//! A deployer dies with deploys in its hands: another one goes on with them.

use std::{collections::BTreeMap, time::Duration};

use e2e::{
    harness::{Options, Platform},
    wait,
};
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use crate::aftermath::{self, PATIENCE};

/// From the kill to the next step on record, of every app.
const TAKEOVER: Duration = Duration::from_secs(15);
/// Of every call to the cluster: long enough that the other one is ready meanwhile, short enough for a deadline.
const SLOW_MS: u64 = 8_000;
const APPS: usize = 3;

#[tokio::test]
async fn deploys_of_a_killed_deployer_are_taken_over_within_fifteen_seconds() {
    let options = Options { deployer: 2, deployers_run: false, ..Options::default() };
    let mut platform = Platform::start_with(options).await.unwrap();
    platform.deployer[0].start().await.unwrap();
    platform.deployer[0].ready().await.unwrap();
    platform.switch(json!({ "slow_ms": SLOW_MS })).await.unwrap();
    let mut accepted = Vec::new();
    for number in 0..APPS {
        let app = platform.app(&format!("app-{number}")).await.unwrap();
        accepted.push(platform.accepted(&app, &app.push()).await.unwrap());
    }
    let leases = wait::until("all lines to be worked on", PATIENCE, || async {
        let leases = leases(&platform).await;
        Ok((leases.len() == APPS).then_some(leases))
    })
    .await
    .unwrap();
    platform.deployer[1].start().await.unwrap();
    platform.deployer[1].ready().await.unwrap();
    assert_eq!(self::leases(&platform).await, leases, "the first one holds them no more");

    let before = versions(&platform).await;
    platform.deployer[0].kill().await.unwrap();
    let killed = Instant::now();
    platform.switch(json!({ "slow_ms": 0 })).await.unwrap();
    wait::until("the next step of every deploy", TAKEOVER, || async {
        let now = versions(&platform).await;
        let moved = |(app, version): (&Uuid, &i64)| now.get(app).is_some_and(|now| now > version);
        Ok(before.iter().all(moved).then_some(()))
    })
    .await
    .unwrap();
    anstream::eprintln!("taken over after {:?}", killed.elapsed());
    for id in &accepted {
        platform.api.wait_for_state(*id, "live", PATIENCE).await.unwrap();
    }
    aftermath::is_in_order(&platform, &accepted).await;
}

/// Who works on which line, by the lease.
async fn leases(platform: &Platform) -> BTreeMap<Uuid, Uuid> {
    let held = "select app_id, lease from lines where leased_until > now()";
    let rows = platform.database().await.unwrap().query(held, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

async fn versions(platform: &Platform) -> BTreeMap<Uuid, i64> {
    let versions = "select app_id, version from lines";
    let rows = platform.database().await.unwrap().query(versions, &[]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

//! The public copy of the log, published again after it was lost.

use e2e::harness::{LinkedApp, Platform};
use uuid::Uuid;

use super::PATIENCE;
use crate::commands::run;

/// Two apps with a live deploy each, whose events are all published.
async fn two_apps(platform: &Platform) -> ([LinkedApp; 2], Vec<Uuid>) {
    let apps = [platform.app("one").await.unwrap(), platform.app("two").await.unwrap()];
    let mut accepted = Vec::new();
    for app in &apps {
        accepted.push(platform.accepted(app, &app.push()).await.unwrap());
    }
    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    let world = platform.world(accepted.clone()).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
    (apps, accepted)
}

async fn lose_the_copy(platform: &Platform) {
    let jetstream = platform.jetstream().await.unwrap();
    jetstream.delete_stream(platform.prefix().unwrap().deploys()).await.unwrap();
}

async fn events_of(platform: &Platform, app: &LinkedApp) -> i64 {
    let count = "select count(*) from line_events where app_id = $1";
    platform.database().await.unwrap().query_one(count, &[&app.id]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_stream_that_was_lost_is_brought_back_from_the_log_and_is_whole_then() {
    let platform = Platform::start().await.unwrap();
    let (apps, accepted) = two_apps(&platform).await;
    let [one, two] = [events_of(&platform, &apps[0]).await, events_of(&platform, &apps[1]).await];
    lose_the_copy(&platform).await;

    let only = apps[0].id.to_string();
    let (whole, said) = run(platform.wiring(), &["republish", "--app", &only]).await;
    assert!(whole && said.contains(&format!("{one} published, 0 were there")), "{said}");
    let (whole, said) = run(platform.wiring(), &["republish"]).await;
    assert!(whole && said.contains(&format!("{two} published, {one} were there")), "{said}");
    let world = platform.world(accepted.clone()).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());

    let (whole, said) = run(platform.wiring(), &["republish"]).await;
    let all = one + two;
    assert!(whole && said.contains(&format!("0 published, {all} were there")), "{said}");
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new(), "nothing stands there twice");
}

#[tokio::test]
async fn what_the_broker_withholds_because_it_knows_the_ids_is_told() {
    let platform = Platform::start().await.unwrap();
    let (apps, _) = two_apps(&platform).await;
    let prefix = platform.prefix().unwrap();
    let jetstream = platform.jetstream().await.unwrap();
    let stream = jetstream.get_stream(prefix.deploys()).await.unwrap();
    let subject = prefix.deploy_subject(apps[0].id);
    stream.purge().filter(subject).await.unwrap();

    let gone = events_of(&platform, &apps[0]).await;
    let (whole, said) = run(platform.wiring(), &["republish"]).await;
    assert!(!whole && said.contains(&format!("{gone} withheld")), "{said}");
    lose_the_copy(&platform).await;
    let (whole, said) = run(platform.wiring(), &["republish"]).await;
    assert!(whole && said.contains("0 were there"), "{said}");
}

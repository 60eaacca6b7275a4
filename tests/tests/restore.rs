//! Database or streams are lost and come back from what is left, by the steps of docs/operations.md.

use std::path::Path;

use e2e::{
    binaries,
    harness::{LinkedApp, Options, Platform},
    process::Spec,
    servers::{Durability, TestServers},
};
use paas_proto::streams::Prefix;
use uuid::Uuid;

use crate::aftermath::PATIENCE;

/// Transactions of the old server, so that the numbers of the new one are lower.
const A_LONG_LIFE: &str = "do $$ begin
    for number in 1..20000 loop perform pg_current_xact_id(); commit; end loop;
end $$";

async fn push(platform: &Platform, app: &LinkedApp) -> Uuid {
    platform.accepted(app, &app.push()).await.unwrap()
}

async fn live(platform: &Platform, app: &LinkedApp) -> Uuid {
    let id = push(platform, app).await;
    platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
    id
}

/// A program of Postgres on a database.
async fn postgres(platform: &Platform, program: &str, arguments: &[&str]) {
    let logs = &platform.wiring().logs;
    let spec = Spec::new(program, binaries::postgres(program).unwrap(), logs);
    spec.args(arguments.to_vec()).run(PATIENCE).await.unwrap();
}

async fn stop_deployers(platform: &mut Platform) {
    for replica in &mut platform.deployer {
        replica.terminate().await.unwrap();
    }
}

#[tokio::test]
async fn a_database_restored_from_a_dump_takes_in_again_what_came_after_it() {
    let mut servers = TestServers::start_with(Durability::Full).await.unwrap();
    let mut platform =
        Platform::start_on(servers.addresses().clone(), Options::default()).await.unwrap();
    platform.database().await.unwrap().batch_execute(A_LONG_LIFE).await.unwrap();
    let apps = [platform.app("one").await.unwrap(), platform.app("two").await.unwrap()];
    let mut accepted = vec![live(&platform, &apps[0]).await, live(&platform, &apps[1]).await];

    let (url, dump) = (platform.wiring().database_url.clone(), platform.wiring().logs.join("dump"));
    let dump = dump.to_str().unwrap();
    postgres(&platform, "pg_dump", &["--format=custom", "--file", dump, "--dbname", &url]).await;
    accepted.push(live(&platform, &apps[0]).await);
    stop_deployers(&mut platform).await;
    accepted.push(push(&platform, &apps[1]).await);

    servers.lose_database().await.unwrap();
    restore(&platform, &url, dump).await;
    renew(&platform, "deploys").await;
    platform.wiring().migrate().unwrap().run(PATIENCE).await.unwrap();
    platform.wiring().rebuild().unwrap().run(PATIENCE).await.unwrap();
    publish_again(&platform).await;
    renew(&platform, "intake").await;
    platform.start_deployers().await.unwrap();

    for id in &accepted {
        platform.api.wait_for_state(*id, "live", PATIENCE).await.unwrap();
    }
    // And on it goes: the relay passes over nothing.
    accepted.push(live(&platform, &apps[0]).await);
    platform.at_rest(&accepted, PATIENCE).await.unwrap();
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.not_converged(), Vec::<String>::new());
    // What the cluster was told before the loss is on no record any more: deploys go on above it.
    let of_the_record = |found: &String| !["I2", "I3"].iter().any(|rule| found.starts_with(rule));
    let violations: Vec<_> = world.violations().into_iter().filter(of_the_record).collect();
    assert_eq!(violations, Vec::<String>::new());
    let log = platform.deployer[0].log();
    assert!(log.contains("the log comes from another database server"), "{log}");
}

/// Into a database of the same name.
async fn restore(platform: &Platform, url: &str, dump: &str) {
    let (server, name) = url.rsplit_once('/').unwrap();
    e2e::stack::create_database(&format!("{server}/postgres"), name).await.unwrap();
    assert!(Path::new(dump).is_file());
    postgres(platform, "pg_restore", &["--exit-on-error", "--dbname", url, dump]).await;
}

/// `deployer-svc streams renew`.
async fn renew(platform: &Platform, what: &str) {
    let spec = Spec { args: Vec::new(), ..platform.wiring().rebuild().unwrap() };
    spec.args(["streams", "renew", what]).run(PATIENCE).await.unwrap();
}

/// Everything on record goes to DEPLOYS once more.
async fn publish_again(platform: &Platform) {
    let spec = Spec { args: Vec::new(), ..platform.wiring().rebuild().unwrap() };
    spec.arg("republish").run(PATIENCE).await.unwrap();
}

async fn streams(platform: &Platform) -> (async_nats::jetstream::Context, Prefix) {
    let prefix = platform.wiring().stream_prefix.parse().unwrap();
    (platform.jetstream().await.unwrap(), prefix)
}

#[tokio::test]
async fn lost_streams_are_made_anew_and_what_was_in_them_alone_can_be_redelivered() {
    let mut platform = Platform::start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    let first = live(&platform, &app).await;
    stop_deployers(&mut platform).await;
    let push = app.push();
    let waiting = platform.accepted(&app, &push).await.unwrap();

    let (jetstream, prefix) = streams(&platform).await;
    for stream in [prefix.pushes(), prefix.builds(), prefix.deploys()] {
        jetstream.delete_stream(stream).await.unwrap();
    }
    platform.wiring().migrate().unwrap().run(PATIENCE).await.unwrap();
    publish_again(&platform).await;
    platform.start_deployers().await.unwrap();

    // The provider's button: the same push is the same deploy.
    assert_eq!(platform.accepted(&app, &push).await.unwrap(), waiting);
    platform.api.wait_for_state(waiting, "live", PATIENCE).await.unwrap();
    let last = live(&platform, &app).await;
    platform.at_rest(&[waiting, last], PATIENCE).await.unwrap();
    let world = platform.world(vec![waiting, last]).await.unwrap();
    assert_eq!(world.not_converged(), Vec::<String>::new());
    // Of the first push only the record is left.
    let only_on_record = format!("I9: {first} comes from no stored push");
    assert_eq!(world.violations(), [only_on_record]);
}

//! A deployer that dies at each of its durable boundaries, as in a power cut, and what becomes of the deploy after it.

use std::{collections::BTreeSet, os::unix::process::ExitStatusExt as _, path::Path};

use e2e::{
    harness::{Options, Platform},
    process::Signal,
    wait,
};
use serde_json::json;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use crate::aftermath::{self, PATIENCE};

/// A test for each boundary, and the list of them all.
macro_rules! boundaries {
    ($($test:ident: $boundary:literal, $story:ident;)*) => {
        const BOUNDARIES: &[&str] = &[$($boundary),*];
        $(
            #[tokio::test]
            async fn $test() {
                $story($boundary).await;
            }
        )*
    };
}

boundaries! {
    before_a_push_is_committed: "intake::before_commit", a_push_goes_live;
    after_a_push_is_committed: "intake::committed", a_push_goes_live;
    after_a_push_is_acknowledged: "intake::acked", a_push_goes_live;
    after_an_event_is_published: "relay::published", a_push_goes_live;
    after_a_line_is_leased: "runner::leased", a_push_goes_live;
    before_a_build_is_started: "runner::start_build::before_effect", a_push_goes_live;
    after_a_build_is_started: "runner::start_build::after_effect", a_push_goes_live;
    after_a_started_build_is_reported: "runner::start_build::reported", a_push_goes_live;
    before_a_build_is_checked: "runner::check_build::before_effect", a_push_goes_live;
    after_a_build_is_checked: "runner::check_build::after_effect", a_push_goes_live;
    after_an_ended_build_is_reported: "runner::check_build::reported", a_push_goes_live;
    before_an_image_is_rolled_out: "runner::roll_out::before_effect", a_push_goes_live;
    after_an_image_is_rolled_out: "runner::roll_out::after_effect", a_push_goes_live;
    after_a_rollout_is_reported: "runner::roll_out::reported", a_push_goes_live;
    before_a_build_is_stopped: "runner::stop_build::before_effect", a_newer_push_supersedes;
    after_a_build_is_stopped: "runner::stop_build::after_effect", a_newer_push_supersedes;
    after_a_stopped_build_is_reported: "runner::stop_build::reported", a_newer_push_supersedes;
    before_an_image_is_put_back: "runner::put_back::before_effect", a_failed_rollout_is_put_back;
    after_an_image_is_put_back: "runner::put_back::after_effect", a_failed_rollout_is_put_back;
    after_a_put_back_is_reported: "runner::put_back::reported", a_failed_rollout_is_put_back;
}

/// A platform whose deployer ends at the boundary when it first comes there.
async fn doomed(boundary: &str) -> Platform {
    let options = Options { deployers_run: false, ..Options::default() };
    let mut platform = Platform::start_with(options).await.unwrap();
    let points = format!("{boundary}=return");
    platform.deployer[0].start_with_failpoints(&points).await.unwrap();
    platform.deployer[0].ready().await.unwrap();
    platform
}

/// Waits until the deployer has died, and starts it again without the boundary.
async fn dies_and_comes_back(platform: &mut Platform) {
    let status = platform.deployer[0].ended().await.unwrap();
    assert_eq!(status.signal(), Some(Signal::SIGABRT as i32), "it ended otherwise: {status}");
    platform.start_deployers().await.unwrap();
}

async fn a_push_goes_live(boundary: &str) {
    let mut platform = doomed(boundary).await;
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let id = platform.accepted(&app, &push).await.unwrap();

    dies_and_comes_back(&mut platform).await;
    let deploy = platform.api.wait_for_state(id, "live", PATIENCE).await.unwrap();
    assert_eq!(deploy.image, aftermath::image(&platform, &app.name));
    assert_eq!(aftermath::last_deploy_sha(&platform, app.id).await, Some(push.after));
    assert_eq!(aftermath::builds(&platform, id), 1);
    aftermath::is_in_order(&platform, &[id]).await;
}

async fn a_newer_push_supersedes(boundary: &str) {
    let mut platform = doomed(boundary).await;
    let app = platform.app("hello").await.unwrap();
    let older = app.push();
    let newer = older.then(&e2e::deliveries::random_sha());
    platform.switch(json!({ "commits": { &older.after: { "build": "hang" } } })).await.unwrap();
    let first = platform.accepted(&app, &older).await.unwrap();
    platform.api.wait_for_state(first, "building", PATIENCE).await.unwrap();
    let second = platform.accepted(&app, &newer).await.unwrap();

    dies_and_comes_back(&mut platform).await;
    platform.api.wait_for_state(second, "live", PATIENCE).await.unwrap();
    let superseded = platform.api.wait_for_state(first, "superseded", PATIENCE).await.unwrap();
    assert_eq!(superseded.reason, Some(format!("superseded by deploy {second}")));
    wait::until("the older build's end to be recorded", PATIENCE, || async {
        let events = platform.api.deploy(first).await?.events;
        Ok(events.iter().any(|event| event.kind == "build_stopped").then_some(()))
    })
    .await
    .unwrap();
    assert!(aftermath::build_is_cancelled(&platform, first));
    assert_eq!(aftermath::builds(&platform, first), 1);
    assert_eq!(aftermath::builds(&platform, second), 1);
    aftermath::is_in_order(&platform, &[first, second]).await;
}

async fn a_failed_rollout_is_put_back(boundary: &str) {
    let mut platform = doomed(boundary).await;
    let app = platform.app("hello").await.unwrap();
    let good = app.push();
    let bad = good.then(&e2e::deliveries::random_sha());
    platform.switch(json!({ "commits": { &bad.after: { "rollout": "fail" } } })).await.unwrap();
    let first = platform.accepted(&app, &good).await.unwrap();
    let live = platform.api.wait_for_state(first, "live", PATIENCE).await.unwrap();
    let second = platform.accepted(&app, &bad).await.unwrap();

    dies_and_comes_back(&mut platform).await;
    platform.api.wait_for_state(second, "failed", PATIENCE).await.unwrap();
    assert_eq!(aftermath::image(&platform, &app.name), live.image);
    assert_eq!(aftermath::last_deploy_sha(&platform, app.id).await, Some(good.after));
    assert_eq!(aftermath::builds(&platform, first), 1);
    assert_eq!(aftermath::builds(&platform, second), 1);
    aftermath::is_in_order(&platform, &[first, second]).await;
}

#[test]
fn every_boundary_in_the_code_is_in_the_list() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deployer-svc/src");
    let mut found = BTreeSet::new();
    read(&source, &mut found);
    let listed: BTreeSet<String> = BOUNDARIES.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(found, listed);
}

/// The boundaries that the code under `path` names; those of the runner are a step and a place each.
fn read(path: &Path, found: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            read(&entry.unwrap().path(), found);
        }
        return;
    }
    let code = std::fs::read_to_string(path).unwrap();
    found.extend(literals_after(&code, "fail_point!(\""));
    if path.ends_with("runner/boundary.rs") {
        for step in literals_after(&code, "=> \"") {
            let places = literals_after(&code, "at(step, \"");
            found.extend(places.map(|place| format!("runner::{step}::{place}")));
        }
    }
}

/// The rest of each literal that begins with `opening`.
fn literals_after(code: &str, opening: &str) -> impl Iterator<Item = String> {
    code.split(opening).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0.to_owned()))
}

#[tokio::test]
async fn a_client_that_got_no_answer_and_asks_again_means_the_same_deploy() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let delivery = app.delivery(&app.push());
    let mut request = format!(
        "POST /v1/webhooks/github/{} HTTP/1.1\r\nhost: localhost\r\ncontent-length: {}\r\n",
        app.id,
        delivery.body.len()
    );
    for (name, value) in &delivery.headers {
        request.extend([name, ": ", value, "\r\n"]);
    }
    let mut connection = TcpStream::connect(platform.ingress[0].address()).await.unwrap();
    connection.write_all(format!("{request}\r\n").as_bytes()).await.unwrap();
    connection.write_all(&delivery.body).await.unwrap();
    // The answer comes, and is never read: the connection breaks first.
    let deploys = || async {
        let deploys = platform.api.deploys(app.id).await?;
        Ok(deploys["deploys"].as_array().filter(|deploys| !deploys.is_empty()).cloned())
    };
    let first = wait::until("the deploy", PATIENCE, deploys).await.unwrap();
    drop(connection);

    let again = platform.api.deliver(app.id, &delivery).await.unwrap();
    assert_eq!(again.status, 202);
    let id = again.deploy_id();
    assert_eq!(first[0]["deploy_id"], json!(id));
    platform.live(id.unwrap()).await.unwrap();
    assert_eq!(deploys().await.unwrap().unwrap().len(), 1);
    assert_eq!(aftermath::builds(&platform, id.unwrap()), 1);
    aftermath::is_in_order(&platform, &[id.unwrap()]).await;
}

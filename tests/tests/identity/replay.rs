//! A delivery that somebody captured, sent again.

use e2e::harness::Platform;
use serde_json::json;
use uuid::Uuid;

use super::{at_rest, builds, builds_of, live_commit, reaches};

#[tokio::test]
async fn a_captured_delivery_with_a_fresh_header_means_the_same_deploy() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let delivery = app.delivery(&push);
    let fresh = || delivery.clone().with_header("x-github-delivery", &Uuid::new_v4().to_string());
    builds_of(&platform, &push.after, "hang").await;
    let first = platform.api.deliver(app.id, &delivery).await.unwrap();
    let id = first.deploy_id().unwrap();
    assert_eq!(platform.api.deliver(app.id, &fresh()).await.unwrap(), first);
    reaches(&platform, id, "building").await;
    assert_eq!(platform.api.deliver(app.id, &fresh()).await.unwrap(), first);

    builds_of(&platform, &push.after, "succeed").await;
    platform.live(id).await.unwrap();
    let live = platform.api.deliver(app.id, &fresh()).await.unwrap();
    assert_eq!((live.status, &live.body), (202, &json!({ "status": "sha unchanged, skipped" })));

    // It brings nothing back that a newer push has replaced.
    let next = push.then(&e2e::deliveries::random_sha());
    let newer = platform.accepted(&app, &next).await.unwrap();
    platform.live(newer).await.unwrap();
    assert_eq!(platform.api.deliver(app.id, &fresh()).await.unwrap(), first);
    at_rest(&platform, &app).await;
    assert_eq!(live_commit(&platform, &app).await, next.after);
    assert_eq!(builds(&platform), [id, newer]);
    let page = platform.api.deploys(app.id).await.unwrap();
    assert_eq!(page["deploys"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_replay_after_the_broker_has_forgotten_it_is_known_to_the_database() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let (first, second) = (app.push(), app.push().at(app.push().pushed_at + 1));
    let id = platform.accepted(&app, &first).await.unwrap();
    platform.live(id).await.unwrap();
    let newer = platform.accepted(&app, &second).await.unwrap();
    platform.live(newer).await.unwrap();
    // The window of the broker's own deduplication has passed.
    let prefix: paas_proto::streams::Prefix = platform.wiring().stream_prefix.parse().unwrap();
    let jetstream = platform.jetstream().await.unwrap();
    let mut config =
        jetstream.get_stream(prefix.pushes()).await.unwrap().cached_info().config.clone();
    let window = config.duplicate_window;
    config.duplicate_window = std::time::Duration::from_millis(100);
    jetstream.update_stream(&config).await.unwrap();
    let stored = |stream: async_nats::jetstream::stream::Info| stream.state.messages;
    e2e::wait::until("the replay to be stored again", super::PATIENCE, || async {
        let again = platform.accepted(&app, &first).await?;
        anyhow::ensure!(again == id, "another deploy: {again}");
        let mut stream = jetstream.get_stream(prefix.pushes()).await?;
        Ok((stored(stream.info().await?.clone()) > 2).then_some(()))
    })
    .await
    .unwrap();
    config.duplicate_window = window;
    jetstream.update_stream(&config).await.unwrap();
    let third =
        platform.accepted(&app, &second.then(&e2e::deliveries::random_sha())).await.unwrap();
    platform.live(third).await.unwrap();
    assert_eq!(builds(&platform), [id, newer, third]);
}

#[tokio::test]
async fn two_hooks_of_one_event_are_one_deploy() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    // GitHub gives both the same body and delivery id, and each its own hook id.
    let one = app.delivery(&push);
    let other = one.clone().with_header("x-github-hook-id", "1");
    let (one, other) =
        tokio::join!(platform.api.deliver(app.id, &one), platform.api.deliver(app.id, &other));
    let one = one.unwrap();
    assert_eq!(one, other.unwrap());
    let id = one.deploy_id().unwrap();
    platform.live(id).await.unwrap();
    assert_eq!(builds(&platform), [id]);
}

#[tokio::test]
async fn two_apps_of_one_repository_have_a_deploy_each() {
    let platform = Platform::start().await.unwrap();
    let link = || json!({ "repo_full_name": "octo/shared" });
    let one = platform.linked_app("one", "github", link()).await.unwrap();
    let two = platform.linked_app("two", "github", link()).await.unwrap();
    let push = e2e::deliveries::Push::new("octo/shared");
    let first = platform.accepted(&one, &push).await.unwrap();
    let second = platform.accepted(&two, &push).await.unwrap();
    assert_ne!(first, second);
    platform.live(first).await.unwrap();
    platform.live(second).await.unwrap();
}

#[tokio::test]
async fn a_stored_deploy_has_the_id_that_its_content_gives() {
    use paas_proto::{events::Provider, ids};
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let delivery = app.delivery(&app.push());
    let answer = platform.api.deliver(app.id, &delivery).await.unwrap();
    let identity = ids::Identity::of_signed_body(Provider::Github, &delivery.body);
    assert_eq!(answer.deploy_id(), Some(ids::deploy_id(app.id, &identity, 0)));
    platform.live(answer.deploy_id().unwrap()).await.unwrap();
}

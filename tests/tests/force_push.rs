//! A branch that is set back to an older commit: whatever is going on then, the branch's head ends up live.

use e2e::{
    deliveries::{Push, random_sha},
    harness::{LinkedApp, Platform},
};
use uuid::Uuid;

use crate::identity::{at_rest, builds_of, live_commit, reaches, rollouts_of};

/// An app whose first commit is live, and that push.
async fn with_a_live_commit(platform: &Platform, provider: &'static str) -> (LinkedApp, Push) {
    let app = platform.linked_app("hello", provider, serde_json::json!({})).await.unwrap();
    let push = app.push();
    let id = platform.accepted(&app, &push).await.unwrap();
    platform.live(id).await.unwrap();
    (app, push)
}

/// Sets the branch back to the older commit; the deploy that this is.
async fn set_back(platform: &Platform, app: &LinkedApp, newer: &Push, older: &Push) -> Uuid {
    let mut back = newer.then(&older.after);
    back.commits.clear();
    platform.accepted(app, &back).await.unwrap()
}

/// The branch's head is live, by its deploy and by the image that the cluster was told last.
async fn is_live(platform: &Platform, app: &LinkedApp, head: &Push, id: Uuid) {
    let live = platform.live(id).await.unwrap();
    at_rest(platform, app).await;
    assert_eq!(live.sha, head.after);
    assert_eq!(live_commit(platform, app).await, head.after);
    let audit = platform.audit().unwrap();
    let mut deployments = audit.iter().rev().filter(|write| write.kind == "Deployment");
    assert_eq!(deployments.find_map(|write| write.image()), live.image.as_deref());
}

#[tokio::test]
async fn when_the_newer_commit_is_live_the_older_one_is_deployed_again() {
    for provider in ["github", "gitlab"] {
        let platform = Platform::start().await.unwrap();
        let (app, older) = with_a_live_commit(&platform, provider).await;
        let newer = older.then(&random_sha());
        let id = platform.accepted(&app, &newer).await.unwrap();
        platform.live(id).await.unwrap();
        let back = set_back(&platform, &app, &newer, &older).await;
        is_live(&platform, &app, &older, back).await;
    }
}

#[tokio::test]
async fn while_the_newer_commit_is_being_built_it_is_superseded() {
    for provider in ["github", "gitlab"] {
        let platform = Platform::start().await.unwrap();
        let (app, older) = with_a_live_commit(&platform, provider).await;
        let newer = older.then(&random_sha());
        builds_of(&platform, &newer.after, "hang").await;
        let building = platform.accepted(&app, &newer).await.unwrap();
        reaches(&platform, building, "building").await;
        // The older commit is still the live one: that alone must not be an answer.
        let back = set_back(&platform, &app, &newer, &older).await;
        reaches(&platform, building, "superseded").await;
        is_live(&platform, &app, &older, back).await;
    }
}

#[tokio::test]
async fn while_the_newer_commit_is_being_rolled_out_the_older_one_follows() {
    for provider in ["github", "gitlab"] {
        let platform = Platform::start().await.unwrap();
        let (app, older) = with_a_live_commit(&platform, provider).await;
        let newer = older.then(&random_sha());
        rollouts_of(&platform, &newer.after, "hang").await;
        let rolling_out = platform.accepted(&app, &newer).await.unwrap();
        reaches(&platform, rolling_out, "rolling_out").await;
        let back = set_back(&platform, &app, &newer, &older).await;
        reaches(&platform, back, "built").await;
        rollouts_of(&platform, &newer.after, "succeed").await;
        reaches(&platform, rolling_out, "live").await;
        is_live(&platform, &app, &older, back).await;
    }
}

#[tokio::test]
async fn when_the_rollout_of_the_newer_commit_fails_the_older_one_still_follows() {
    let platform = Platform::start().await.unwrap();
    let (app, older) = with_a_live_commit(&platform, "github").await;
    let newer = older.then(&random_sha());
    rollouts_of(&platform, &newer.after, "hang").await;
    let rolling_out = platform.accepted(&app, &newer).await.unwrap();
    reaches(&platform, rolling_out, "rolling_out").await;
    let back = set_back(&platform, &app, &newer, &older).await;
    rollouts_of(&platform, &newer.after, "fail").await;
    reaches(&platform, rolling_out, "failed").await;
    is_live(&platform, &app, &older, back).await;
}

#[tokio::test]
async fn forth_and_back_and_forth_again_ends_at_the_last() {
    let platform = Platform::start().await.unwrap();
    let (app, first) = with_a_live_commit(&platform, "gitlab").await;
    let forth = first.then(&random_sha());
    let back = forth.then(&first.after);
    let again = back.then(&forth.after);
    let mut accepted = Vec::new();
    for push in [&forth, &back, &again] {
        let answer = platform.push(&app, push).await.unwrap();
        assert_eq!(answer.status, 202, "{answer:?}");
        accepted.extend(answer.deploy_id());
    }
    for id in &accepted {
        platform.ended(*id).await.unwrap();
    }
    at_rest(&platform, &app).await;
    assert_eq!(live_commit(&platform, &app).await, forth.after);
    let world = platform.world(accepted).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
}

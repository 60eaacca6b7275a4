//! Each way that a deploy may end, with the reason that people are told.

mod cancelled;
mod failed;
mod rolled_back;
mod troubled;

use e2e::{
    deliveries::{Push, random_sha},
    harness::{LinkedApp, Platform},
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::aftermath::PATIENCE;

/// Has the stand-in treat one commit like this.
async fn course(platform: &Platform, push: &Push, course: Value) {
    platform.switch(json!({ "commits": { &push.after: course } })).await.unwrap();
}

/// The next push of a new commit.
fn next(push: &Push) -> Push {
    push.then(&random_sha())
}

/// Pushes, and waits until the deploy is in the state.
async fn pushed_until(platform: &Platform, app: &LinkedApp, push: &Push, state: &str) -> Uuid {
    let id = platform.accepted(app, push).await.unwrap();
    platform.api.wait_for_state(id, state, PATIENCE).await.unwrap();
    id
}

/// The state of a deploy that has ended, and the reason given.
async fn end_of(platform: &Platform, id: Uuid) -> (String, String) {
    let deploy = platform.api.wait_for_end(id, PATIENCE).await.unwrap();
    (deploy.state, deploy.reason.unwrap_or_default())
}

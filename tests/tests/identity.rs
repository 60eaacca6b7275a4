//! Which deliveries mean the same deploy: identity comes from authenticated content, never from a header that could be
//! changed on a captured delivery.

mod gitlab;
mod redelivery;
mod replay;

use std::time::Duration;

use e2e::{
    harness::{LinkedApp, Platform},
    wait,
};
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The deploys that a build was started for.
pub(crate) fn builds(platform: &Platform) -> Vec<Uuid> {
    let audit = platform.audit().unwrap();
    let builds = audit.iter().filter(|write| write.starts_a_build());
    builds.filter_map(e2e::audit::Write::deploy_id).collect()
}

/// Builds of this commit end so from now on: `succeed`, `fail` or `hang`.
pub(crate) async fn builds_of(platform: &Platform, sha: &str, outcome: &str) {
    platform.switch(json!({ "commits": { sha: { "build": outcome } } })).await.unwrap();
}

/// Rollouts of this commit end so from now on.
pub(crate) async fn rollouts_of(platform: &Platform, sha: &str, outcome: &str) {
    platform.switch(json!({ "commits": { sha: { "rollout": outcome } } })).await.unwrap();
}

pub(crate) async fn reaches(platform: &Platform, id: Uuid, state: &str) {
    platform.api.wait_for_state(id, state, PATIENCE).await.unwrap();
}

/// `last_deploy_sha` of the app.
pub(crate) async fn live_commit(platform: &Platform, app: &LinkedApp) -> Value {
    let path = format!("/v1/apps/{}/git/source", app.id);
    let source = platform.api.call(Method::GET, &path, None).await.unwrap();
    source.body["last_deploy_sha"].clone()
}

/// Waits until every deploy of the app has ended; the line is then at rest.
pub(crate) async fn at_rest(platform: &Platform, app: &LinkedApp) {
    let over = ["live", "failed", "superseded", "cancelled", "duplicate"];
    wait::until("every deploy to end", PATIENCE, || async {
        let page = platform.api.deploys(app.id).await?;
        let mut states = page["deploys"].as_array().into_iter().flatten();
        let ended =
            states.all(|deploy| deploy["state"].as_str().is_some_and(|s| over.contains(&s)));
        Ok(ended.then_some(()))
    })
    .await
    .unwrap();
}

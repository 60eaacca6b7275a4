//! What must hold when a test's story is over: everything is taken in, and the record keeps every invariant.

use std::time::Duration;

use e2e::{audit::Write, harness::Platform, wait};
use uuid::Uuid;

/// Longer than a message stays with a deployer that died, and than a line does.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// Waits until nothing is left to do, then checks all that is on record.
pub(crate) async fn is_in_order(platform: &Platform, accepted: &[Uuid]) {
    platform.at_rest(accepted, PATIENCE).await.unwrap();
    let database = platform.database().await.unwrap();
    wait::until("the leases of those who died to run out", PATIENCE, || async {
        let held = "select count(*) from lines where leased_until > now()";
        Ok((database.query_one(held, &[]).await?.get::<_, i64>(0) == 0).then_some(()))
    })
    .await
    .unwrap();
    let world = platform.world(accepted.to_vec()).await.unwrap();
    assert_eq!(world.violations(), Vec::<String>::new());
}

/// How many PipelineRuns were created for the deploy.
pub(crate) fn builds(platform: &Platform, deploy: Uuid) -> usize {
    let audit = platform.audit().unwrap();
    audit.iter().filter(|write| write.starts_a_build() && write.deploy_id() == Some(deploy)).count()
}

/// Whether the deploy's PipelineRun was told to stop.
pub(crate) fn build_is_cancelled(platform: &Platform, deploy: Uuid) -> bool {
    let run = paas_proto::ids::run_name(deploy);
    platform.audit().unwrap().iter().any(|write| {
        write.kind == "PipelineRun"
            && write.name == run
            && write.body.pointer("/spec/status").is_some_and(|status| status == "Cancelled")
    })
}

/// The writes that put an image on the app's Deployment, in order.
pub(crate) fn rollouts(platform: &Platform, app: &str) -> Vec<Write> {
    let audit = platform.audit().unwrap();
    audit
        .into_iter()
        .filter(|write| write.kind == "Deployment" && write.name == app && write.image().is_some())
        .collect()
}

/// The image that is on the app's Deployment.
pub(crate) fn image(platform: &Platform, app: &str) -> Option<String> {
    rollouts(platform, app).last()?.image().map(str::to_owned)
}

/// The commit that the app's source has as its last one.
pub(crate) async fn last_deploy_sha(platform: &Platform, app: Uuid) -> Option<String> {
    let sql = "select last_deploy_sha from app_git_sources where app_id = $1";
    let row = platform.database().await.unwrap().query_one(sql, &[&app]).await.unwrap();
    row.get(0)
}

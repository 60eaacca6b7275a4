//! An app is deleted: not while anything is underway, for good, and with what it has on the cluster.

use std::time::Duration;

use e2e::{
    harness::{LinkedApp, Platform},
    wait,
};
use paas_proto::deploys::{RedeployRequest, RemoveAppRequest};
use tonic::{Code, Status};

use crate::{
    deployer_grpc::client,
    identity::{builds, builds_of, reaches},
};

const PATIENCE: Duration = Duration::from_mins(1);

async fn remove(platform: &Platform, app: &LinkedApp) -> Result<(), Status> {
    let request = RemoveAppRequest { app_id: app.id.to_string(), requested_by: "Ada".to_owned() };
    client(platform).await.remove_app(request).await.map(drop)
}

/// Kinds of what was deleted on the cluster under this name.
fn deleted(platform: &Platform, name: &str) -> Vec<String> {
    let writes = platform.audit().unwrap();
    let deleted = writes.into_iter().filter(|write| write.verb == "delete" && write.name == name);
    let mut kinds: Vec<_> = deleted.map(|write| write.kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

#[tokio::test]
async fn an_app_is_deleted_once_nothing_is_underway_and_again_without_harm() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let live = platform.accepted(&app, &push).await.unwrap();
    platform.live(live).await.unwrap();
    let next = push.then(&"c".repeat(40));
    builds_of(&platform, &next.after, "hang").await;
    let id = platform.accepted(&app, &next).await.unwrap();
    reaches(&platform, id, "building").await;

    let refused = remove(&platform, &app).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    assert!(refused.message().contains("underway"), "{refused}");
    platform.api.cancel(id).await.unwrap();
    reaches(&platform, id, "cancelled").await;
    // Its build is being stopped: that is underway, too.
    wait::until("the app to be deleted", PATIENCE, || async {
        match remove(&platform, &app).await {
            Ok(()) => Ok(Some(())),
            Err(status) if status.code() == Code::FailedPrecondition => Ok(None),
            Err(status) => panic!("{status}"),
        }
    })
    .await
    .unwrap();
    assert_eq!(deleted(&platform, "hello"), ["Deployment", "Ingress", "Service"]);
    remove(&platform, &app).await.unwrap();

    let database = platform.database().await.unwrap();
    let sql = "select deleted_name, name, deleted_at is not null, removed_at is not null from apps \
         where app_id = $1";
    let row = database.query_one(sql, &[&app.id]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "hello");
    assert_eq!(row.get::<_, String>(1), format!("deleted-{}", app.id.simple()));
    assert!(row.get::<_, bool>(2) && row.get::<_, bool>(3));

    let again = RedeployRequest { app_id: app.id.to_string(), ..RedeployRequest::default() };
    let refused = client(&platform).await.redeploy(again).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound, "{refused}");
    let unknown = LinkedApp { id: uuid::Uuid::new_v4(), ..app.clone() };
    assert_eq!(remove(&platform, &unknown).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test]
async fn the_name_is_free_again_and_the_new_app_is_not_taken_away_with_the_old_one() {
    let platform = Platform::start().await.unwrap();
    let old = platform.app("hello").await.unwrap();
    let id = platform.accepted(&old, &old.push()).await.unwrap();
    platform.live(id).await.unwrap();
    remove(&platform, &old).await.unwrap();
    let before = deleted(&platform, "hello");
    assert_eq!(before.len(), 3, "{before:?}");

    let new = platform.app("hello").await.unwrap();
    let id = platform.accepted(&new, &new.push()).await.unwrap();
    platform.live(id).await.unwrap();
    let writes = platform.audit().unwrap().len();
    remove(&platform, &old).await.unwrap();
    let since = platform.audit().unwrap().split_off(writes);
    assert!(since.iter().all(|write| write.verb != "delete"), "{since:?}");
}

#[tokio::test]
async fn a_push_that_comes_too_late_is_put_aside_and_nothing_is_built() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let id = platform.accepted(&app, &push).await.unwrap();
    platform.live(id).await.unwrap();
    remove(&platform, &app).await.unwrap();
    // Its link is still there: so this one is accepted as one that was on its way.
    let late = platform.accepted(&app, &push.then(&"d".repeat(40))).await.unwrap();
    let database = platform.database().await.unwrap();
    let reason = wait::until("the push to be put aside", PATIENCE, || async {
        let sql = "select reason from dead_letters where message_id = $1";
        let row = database.query_opt(sql, &[&late.to_string()]).await?;
        Ok(row.map(|row| row.get::<_, String>(0)))
    })
    .await
    .unwrap();
    assert_eq!(reason, format!("app {} was deleted", app.id));
    assert_eq!(builds(&platform), [id]);

    // A replay knows the one that is on record, and takes in nothing.
    let path = "/v1/replays";
    let order = serde_json::json!({ "dry_run": false });
    let url = format!("{}{path}", platform.api.url());
    let request = e2e::api::http_client().unwrap().post(url).json(&order);
    let answer = request.bearer_auth(&platform.wiring().keys.api_token).send().await.unwrap();
    let text = answer.text().await.unwrap();
    assert!(text.contains("\"already_recorded\":1"), "{text}");
    assert!(text.contains("\"dead_lettered\":1"), "{text}");
    assert_eq!(builds(&platform), [id]);
}

#[tokio::test]
async fn what_the_cluster_could_not_be_told_is_deleted_later() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.live(id).await.unwrap();
    platform.links.deployer_to_cluster.refuse();
    let failed = remove(&platform, &app).await.unwrap_err();
    assert_eq!(failed.code(), Code::Unavailable, "{failed}");
    platform.links.deployer_to_cluster.restore();
    wait::until("the cluster to be told", Duration::from_mins(2), || async {
        Ok((deleted(&platform, "hello").len() == 3).then_some(()))
    })
    .await
    .unwrap();
}

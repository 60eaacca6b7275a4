//! `paas releases`, `apps delete`, and the commands on deploys.

use e2e::harness::Platform;

use super::{command, ended, paas};
use crate::identity::{builds_of, reaches};

#[tokio::test]
async fn one_goes_back_to_a_release_and_on_again() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    let none = paas(&platform, &["releases", "shop"]).await;
    assert!(none.code == 0 && none.out.contains("No releases yet"), "{none:?}");
    let first = app.push();
    let second = first.then(&"c".repeat(40));
    for push in [&first, &second] {
        let id = platform.accepted(&app, push).await.unwrap();
        platform.live(id).await.unwrap();
    }
    let listed = paas(&platform, &["releases", "shop"]).await;
    let rows: Vec<&str> = listed.out.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{listed:?}");
    assert!(rows[0].starts_with("v2") && rows[0].contains(" live "), "{listed:?}");
    assert!(rows[1].starts_with("v1") && rows[1].contains(" available "), "{listed:?}");

    let back = paas(&platform, &["releases", "rollback", "shop", "v1", "--watch"]).await;
    assert_eq!(back.code, 0, "{back:?}");
    assert!(back.err.contains("paas releases resume"), "{back:?}");
    assert!(back.out.lines().last().unwrap().starts_with("live after"), "{back:?}");
    let json = paas(&platform, &["releases", "shop", "--json"]).await.object();
    let live =
        json["releases"].as_array().unwrap().iter().find(|release| release["is_live"] == true);
    assert_eq!(live.unwrap()["sha"], first.after.as_str(), "{json}");
    let shown = paas(&platform, &["apps", "show", "shop"]).await;
    assert!(shown.out.contains("paused by the rollback"), "{shown:?}");

    assert_eq!(paas(&platform, &["releases", "resume", "shop"]).await.code, 0);
    assert_eq!(paas(&platform, &["releases", "rollback", "shop", "v9"]).await.code, 6);
    let again = paas(&platform, &["deploy", "redeploy", "shop", "--watch"]).await;
    assert_eq!(again.code, 0, "{again:?}");
}

#[tokio::test]
async fn a_deploy_underway_is_cancelled_and_its_app_deleted_only_then() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    let push = app.push();
    builds_of(&platform, &push.after, "hang").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    reaches(&platform, id, "building").await;
    let underway = paas(&platform, &["apps", "delete", "shop", "--yes"]).await;
    assert_eq!(underway.code, 6, "{underway:?}");

    let id = id.to_string();
    let watch = command(&platform, &["logs", "shop", "--until-live"]);
    let cancel = command(&platform, &["deploy", "cancel", &id]);
    let (watched, cancelled) = tokio::join!(ended(&platform, watch), ended(&platform, cancel));
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    assert_eq!(watched.code, 1, "{watched:?}");
    assert!(watched.out.lines().last().unwrap().starts_with("cancelled"), "{watched:?}");
    assert_eq!(paas(&platform, &["deploy", "cancel", &id]).await.code, 6);

    let asked = paas(&platform, &["apps", "delete", "shop"]).await;
    assert!(asked.code == 2 && asked.err.contains("--yes"), "{asked:?}");
    let deleted = paas(&platform, &["apps", "delete", "shop", "--yes", "--json"]).await;
    assert_eq!((deleted.code, &deleted.object()["status"]), (0, &"deleted".into()));
    assert_eq!(paas(&platform, &["apps", "show", "shop"]).await.code, 4);
}

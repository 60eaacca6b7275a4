//! `paas deploys`, `paas deploy show` and `paas deploy watch`.

use std::time::{Duration, Instant};

use e2e::harness::Platform;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use uuid::Uuid;

use super::{command, ended, paas};
use crate::identity::{PATIENCE, builds_of};

/// Watches a deploy whose build hangs; `meanwhile` happens once the build is seen to have begun. All that is said, and
/// the code at the end.
async fn watched(
    platform: &mut Platform,
    id: Uuid,
    meanwhile: impl AsyncFnOnce(&mut Platform),
) -> (Vec<String>, i32) {
    let mut watch = command(platform, &["deploy", "watch", &id.to_string()]).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let (mut said, mut meanwhile) = (Vec::new(), Some(meanwhile));
    while let Some(line) = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap()
    {
        let has_begun = line.ends_with("  build started");
        said.push(line);
        if has_begun && let Some(meanwhile) = meanwhile.take() {
            meanwhile(platform).await;
        }
    }
    assert!(meanwhile.is_none(), "the build was not seen to begin: {said:?}");
    (said, watch.wait().await.unwrap().code().unwrap())
}

/// The timeline without its times.
fn story(said: &[String]) -> Vec<&str> {
    said.iter().filter_map(|line| Some(line.split_once("  ")?.1)).collect()
}

#[tokio::test]
async fn a_push_is_watched_until_it_is_live_and_found_in_the_list() {
    let mut platform = Platform::start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    let none = paas(&platform, &["deploys", "shop"]).await;
    assert_eq!((none.code, none.out.contains("No deploys yet")), (0, true), "{none:?}");

    let push = app.push();
    builds_of(&platform, &push.after, "hang").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    let (said, code) = watched(&mut platform, id, async |platform| {
        builds_of(platform, &push.after, "succeed").await;
    })
    .await;
    assert_eq!(code, 0, "{said:?}");
    assert_eq!(
        story(&said),
        ["requested", "build started", "built", "rollout started", "went live"]
    );
    assert!(said.last().unwrap().starts_with("live after "), "{said:?}");

    let id = id.to_string();
    for app in ["shop".to_owned(), app.id.to_string()] {
        let listed = paas(&platform, &["deploys", &app]).await;
        let row = listed.out.lines().find(|line| line.starts_with(&id));
        assert_eq!(listed.code, 0, "{listed:?}");
        assert!(
            row.unwrap().contains(&push.after[..7]) && row.unwrap().contains(" live "),
            "{row:?}"
        );
    }
    let shown = paas(&platform, &["deploy", "show", &id]).await;
    assert!(shown.code == 0 && shown.out.contains("went live"), "{shown:?}");

    // For programs it is what the API says.
    let deploy = platform.api.call(reqwest::Method::GET, &format!("/v1/deploys/{id}"), None).await;
    let deploy = deploy.unwrap().body;
    assert_eq!(paas(&platform, &["deploy", "show", &id, "--json"]).await.object(), deploy);
    let listed = paas(&platform, &["deploys", "shop", "--json"]).await.object();
    let mut in_list = deploy.clone();
    in_list["events"] = json!([]);
    assert_eq!(listed, json!({ "deploys": [in_list] }));
    let watched = paas(&platform, &["deploy", "watch", &id, "--json"]).await;
    assert_eq!((watched.code, watched.object()), (0, deploy));
}

#[tokio::test]
async fn a_failing_deploy_is_told_with_its_reason() {
    let mut platform = Platform::start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    let push = app.push();
    builds_of(&platform, &push.after, "hang").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    let (said, code) = watched(&mut platform, id, async |platform| {
        builds_of(platform, &push.after, "fail").await;
    })
    .await;
    assert_eq!(code, 1, "{said:?}");
    assert_eq!(story(&said), ["requested", "build started", "failed"]);
    let last = said.last().unwrap();
    assert!(last.starts_with("failed after ") && last.contains(": build failed: "), "{last}");
}

#[tokio::test]
async fn watching_outlives_a_restart_of_ingress_and_deployer_and_holds_up_neither() {
    let mut platform = Platform::start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    let push = app.push();
    builds_of(&platform, &push.after, "hang").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    let (said, code) = watched(&mut platform, id, async |platform| {
        let began = Instant::now();
        assert!(platform.ingress[0].terminate().await.unwrap().unwrap().success());
        // The grace period is longer: nobody waited for the stream to end by itself.
        assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
        platform.start_ingresses().await.unwrap();
        assert!(platform.deployer[0].terminate().await.unwrap().unwrap().success());
        platform.start_deployers().await.unwrap();
        builds_of(platform, &push.after, "succeed").await;
    })
    .await;
    assert_eq!(code, 0, "{said:?}");
    assert_eq!(
        story(&said),
        ["requested", "build started", "built", "rollout started", "went live"]
    );
}

#[tokio::test]
async fn what_cannot_be_had_ends_with_a_code_that_says_why() {
    let mut platform = Platform::start().await.unwrap();
    platform.app("shop").await.unwrap();
    let nowhere = Uuid::new_v4().to_string();
    for missing in [
        &["deploys", "shops"][..],
        &["deploys", &nowhere],
        &["deploy", "show", &nowhere],
        &["deploy", "watch", &nowhere],
        &["replay", "--app", &nowhere],
        &["dead-letters", "show", "7"],
        &["dead-letters", "retry", "7"],
        &["dead-letters", "discard", "7"],
    ] {
        assert_eq!(paas(&platform, missing).await.code, 4, "{missing:?}");
    }

    let mut stranger = command(&platform, &["deploys", "shop"]);
    stranger.env("PAAS_TOKEN", "another");
    let refused = ended(&platform, stranger).await;
    assert_eq!((refused.code, refused.out.as_str()), (3, ""), "{refused:?}");
    assert!(refused.err.contains("PAAS_TOKEN"), "{refused:?}");

    platform.deployer[0].terminate().await.unwrap();
    for away in [
        &["deploys", "shop"][..],
        &["releases", "shop"],
        &["replay", "--dry-run"],
        &["dead-letters", "list"],
        &["dead-letters", "discard", "7"],
    ] {
        let ended = paas(&platform, away).await;
        assert_eq!((ended.code, ended.out.as_str()), (5, ""), "{away:?}: {ended:?}");
    }
    let problem = paas(&platform, &["deploys", "shop", "--json"]).await;
    let problem: Value = serde_json::from_str(&problem.err).unwrap();
    assert!(problem["error"].as_str().unwrap().contains("cannot answer now"), "{problem}");
}

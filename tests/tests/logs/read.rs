//! A timeline read and followed.

use e2e::harness::Platform;
use serde_json::json;
use uuid::Uuid;

use super::{PATIENCE, Reader, all, ask, assert_whole, of, platform, texts};
use crate::identity::{builds_of, reaches};

#[tokio::test]
async fn a_push_is_followed_until_it_is_live_and_speaks_for_itself() {
    let platform = platform().await;
    let app = platform.app("hello").await.unwrap();
    let mut reader = Reader::open(&platform, &app, "follow=true").await;
    let push = app.push();
    let id = platform.accepted(&app, &push).await.unwrap();
    let last = format!("line {} of {0}", super::BURST);
    let mut lines = reader.until(|line| line.text() == "live as v1").await;
    if !of(&lines, "app").iter().any(|line| line.text() == last) {
        lines.extend(reader.until(|line| line.source() == "app" && line.text() == last).await);
    }

    let deploy = of(&lines, "deploy");
    let image = platform.live(id).await.unwrap().image.unwrap();
    let digest = image.split_once('@').unwrap().1;
    let queued = format!("queued: commit {}", push.after);
    let built = format!("built {digest}");
    let story = [queued.as_str(), "build started", &built, "rolling out", "live as v1"];
    assert_eq!(texts(&deploy), story);
    let types = ["requested", "build_started", "built", "rollout_started", "went_live"];
    assert_eq!(deploy.iter().map(|line| line.origin()).collect::<Vec<_>>(), types);
    assert_whole(&of(&lines, "build"), super::BURST);
    for line in deploy.iter().chain(&of(&lines, "build")) {
        assert_eq!(line.line["deploy_id"], json!(id));
        assert!(line.line["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    }

    // What the build says stands between its beginning and its end, and nothing of the app before it is rolled out.
    let place = |text: &str| lines.iter().position(|line| line.text() == text).unwrap();
    let places = |source| lines.iter().enumerate().filter(move |(_, line)| line.source() == source);
    let (began, ended) = (place("build started"), place(&built));
    assert!(places("build").all(|(at, _)| began < at && at < ended), "{lines:#?}");
    let rolled_out = place("rolling out");
    assert!(places("app").all(|(at, _)| at > rolled_out), "{lines:#?}");
    for (_, line) in places("app") {
        assert!(line.origin().starts_with("hello-"), "a pod's name: {line:?}");
        assert!(line.line.get("deploy_id").is_none());
    }
}

#[tokio::test]
async fn what_is_there_is_told_by_source_by_deploy_and_from_its_end() {
    let platform = platform().await;
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    let first = platform.accepted(&app, &push).await.unwrap();
    platform.live(first).await.unwrap();
    let second = platform.accepted(&app, &push.then(&"c".repeat(40))).await.unwrap();
    platform.live(second).await.unwrap();
    super::kept::complete(&platform, second).await;

    let lines = all(&platform, &app).await;
    assert_eq!(of(&lines, "deploy").len(), 10);
    let build = Reader::open(&platform, &app, "tail=10000&source=build").await.into_lines().await;
    assert_eq!(
        build.iter().map(|line| &line.line).collect::<Vec<_>>(),
        of(&lines, "build").iter().map(|line| &line.line).collect::<Vec<_>>()
    );
    let two = "tail=10000&source=deploy&source=app";
    let two = Reader::open(&platform, &app, two).await.into_lines().await;
    assert!(two.iter().any(|line| line.source() == "app"));
    assert!(two.iter().all(|line| line.source() != "build"));

    let query = format!("tail=10000&deploy_id={second}");
    let of_second = Reader::open(&platform, &app, &query).await.into_lines().await;
    assert!(of_second.iter().all(|line| line.line["deploy_id"] == json!(second)));
    assert_eq!(of(&of_second, "deploy").len(), 5);
    assert_whole(&of(&of_second, "build"), super::BURST);

    let tail = Reader::open(&platform, &app, "tail=4&source=deploy").await.into_lines().await;
    let events = of(&lines, "deploy");
    assert_eq!(texts(&tail.iter().collect::<Vec<_>>()), texts(&events[6..]));
    let tail = Reader::open(&platform, &app, "tail=5").await.into_lines().await;
    assert_eq!(tail.len(), 5);
    assert_eq!(texts(&of(&tail, "app")), texts(&of(&lines[lines.len() - 5..], "app")));
}

#[tokio::test]
async fn following_one_deploy_ends_with_it_and_its_build() {
    let platform = platform().await;
    let app = platform.app("hello").await.unwrap();
    let push = app.push();
    builds_of(&platform, &push.after, "fail").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    reaches(&platform, id, "building").await;
    let query = format!("follow=true&deploy_id={id}");
    let lines = Reader::open(&platform, &app, &query).await.into_lines().await;
    let last = lines.last().unwrap();
    assert!(last.text().starts_with("failed: build: "), "{last:?}");
    assert_whole(&of(&lines, "build"), super::BURST);
    let step = "[stand-in] the step failed with exit code 1";
    assert!(lines.iter().any(|line| line.text() == step), "{lines:#?}");
}

#[tokio::test]
async fn a_cluster_that_cannot_be_asked_ends_no_timeline() {
    let platform = platform().await;
    let app = platform.app("hello").await.unwrap();
    let id = platform.accepted(&app, &app.push()).await.unwrap();
    platform.live(id).await.unwrap();
    super::kept::complete(&platform, id).await;
    platform.links.deployer_to_cluster.refuse();
    let mut reader = Reader::open(&platform, &app, "follow=true&tail=10000").await;
    let lines = reader.until(|line| line.origin() == "paas").await;
    assert!(lines.last().unwrap().text().contains("trying again"), "{lines:?}");
    assert_eq!(super::of(&lines, "deploy").len(), 5, "the rest is there all the same");
    assert_whole(&super::of(&lines, "build"), super::BURST);
    platform.links.deployer_to_cluster.restore();
    let push = app.push().then(&"d".repeat(40));
    platform.accepted(&app, &push).await.unwrap();
    reader.until(|line| line.text() == "live as v2").await;
}

#[tokio::test]
async fn what_is_not_there_or_means_nothing_is_refused() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("hello").await.unwrap();
    let other = platform.app("other").await.unwrap();
    let foreign = platform.accepted(&other, &other.push()).await.unwrap();
    platform.live(foreign).await.unwrap();
    for (path, status) in [
        (format!("/v1/apps/{}/logs", Uuid::new_v4()), 404),
        (format!("/v1/apps/{}/logs?deploy_id={}", app.id, Uuid::new_v4()), 404),
        (format!("/v1/apps/{}/logs?deploy_id={foreign}", app.id), 404),
        (format!("/v1/apps/{}/logs?deploy_id={foreign}&source=app", app.id), 422),
        (format!("/v1/apps/{}/logs?after=junk", app.id), 422),
        (format!("/v1/apps/{}/logs?tail=many", app.id), 422),
        (format!("/v1/apps/{}/logs?lines=3", app.id), 422),
    ] {
        let answer = tokio::time::timeout(PATIENCE, ask(&platform, &path, None)).await.unwrap();
        assert_eq!(answer.status(), status, "{path}");
    }
}

//! `paas logs`: the timeline of an app as it goes on, whatever restarts meanwhile.

use e2e::harness::Platform;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};

use super::{command, paas};
use crate::identity::{PATIENCE, builds_of, reaches};

/// A line without its time.
fn told(line: &str) -> &str {
    line.split_once(' ').map_or(line, |(_, rest)| rest)
}

#[tokio::test]
async fn a_log_is_followed_from_the_first_push_until_it_is_live() {
    let mut platform = Platform::start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    // The only app need not be named, and there is no push yet.
    let mut follow = command(&platform, &["logs", "--until-live"]).spawn().unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let push = app.push();
    builds_of(&platform, &push.after, "hang").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    reaches(&platform, id, "building").await;
    let mut said = Vec::new();
    let mut has_restarted = false;
    while let Some(line) = tokio::time::timeout(PATIENCE, lines.next_line()).await.unwrap().unwrap()
    {
        if told(&line) == "deploy | build started" && !has_restarted {
            has_restarted = true;
            assert!(platform.ingress[0].terminate().await.unwrap().unwrap().success());
            platform.start_ingresses().await.unwrap();
            builds_of(&platform, &push.after, "succeed").await;
        }
        said.push(line);
    }
    assert_eq!(follow.wait().await.unwrap().code(), Some(0), "{said:?}");
    let events: Vec<&str> =
        said.iter().map(|line| told(line)).filter(|line| line.starts_with("deploy")).collect();
    let queued = format!("deploy | queued: commit {}", push.after);
    assert_eq!(events[..2], [queued.as_str(), "deploy | build started"], "each once: {said:?}");
    assert_eq!(events[3..], ["deploy | rolling out", "deploy | live as v1"], "{said:?}");
    assert!(said.iter().any(|line| told(line).starts_with("build  ")), "{said:?}");
    assert!(said.last().unwrap().starts_with("live after "), "{said:?}");

    let part = ["logs", "shop", "--source", "deploy", "-n", "2", "--json"];
    let part = paas(&platform, &part).await;
    let texts: Vec<Value> = part.objects().iter().map(|line| line["text"].clone()).collect();
    assert_eq!(texts, ["rolling out", "live as v1"], "{part:?}");
    let one = paas(&platform, &["logs", "shop", "--deploy", &id.to_string(), "--until-live"]).await;
    assert_eq!(one.code, 0, "{one:?}");
}

#[tokio::test]
async fn a_failing_build_is_followed_to_its_end() {
    let platform = Platform::start().await.unwrap();
    let app = platform.app("shop").await.unwrap();
    let push = app.push();
    builds_of(&platform, &push.after, "fail").await;
    let id = platform.accepted(&app, &push).await.unwrap();
    reaches(&platform, id, "failed").await;
    for arguments in [
        &["logs", "shop", "--until-live"][..],
        &["logs", "shop", "-f", "--until-live", "--deploy", &id.to_string()],
    ] {
        let ended = paas(&platform, arguments).await;
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.out.contains("deploy | failed: build: "), "{ended:?}");
        assert!(ended.out.lines().last().unwrap().starts_with("failed after"), "{ended:?}");
    }
}

//! `paas deploy watch`: the story once, however often the connection breaks.

use serde_json::Value;

use crate::{
    ID,
    platform::{Answer, Platform, deploy},
    run,
};

fn events(deploys: &[String]) -> Answer {
    let event = |deploy: &String| format!("event: deploy\ndata: {deploy}\n\n: keep-alive\n\n");
    stream(&deploys.iter().map(event).collect::<String>())
}

fn stream(text: &str) -> Answer {
    Answer::ok(text).header("content-type", "text/event-stream")
}

#[test]
fn a_stream_that_breaks_off_is_taken_up_again_and_nothing_is_told_twice() {
    let requested = deploy("requested", &["requested"]);
    let building = deploy("building", &["requested", "build_started"]);
    let live = deploy("live", &["requested", "build_started", "went_live"]);
    let story = vec![
        events(&[requested.clone(), building.clone()]),
        Answer::new(503, r#"{"error":"cannot answer now"}"#),
        stream("event: error\ndata: {\"error\":\"cannot answer now\"}\n\n"),
        events(&[building.clone(), live.clone()]),
    ];
    let platform = Platform::saying(story.clone());
    let ended = run(&platform.url, &["deploy", "watch", ID]);
    assert_eq!((ended.code, platform.asked().len()), (0, 4), "{}", ended.err);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines[0].contains("acme/shop, main at 5f3e2a1"), "{}", ended.out);
    let told = ["10:00:00  requested", "10:00:00  build started", "10:00:00  went live"];
    assert_eq!(lines[1..4], told);
    assert!(lines[4].starts_with("live after ") && lines.len() == 5, "{}", ended.out);

    let platform = Platform::saying(story);
    let ended = run(&platform.url, &["deploy", "watch", ID, "--json"]);
    let states: Vec<Value> = ended
        .out
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap()["state"].clone())
        .collect();
    assert_eq!(
        (ended.code, states),
        (0, vec!["requested".into(), "building".into(), "live".into()])
    );
}

#[test]
fn a_deploy_that_does_not_go_live_ends_with_one() {
    for state in ["failed", "superseded", "cancelled", "duplicate"] {
        let platform = Platform::saying(vec![events(&[deploy(state, &["requested", state])])]);
        let ended = run(&platform.url, &["deploy", "watch", ID]);
        assert_eq!(ended.code, 1, "{state}: {}", ended.err);
        assert!(ended.out.lines().last().unwrap().starts_with(state), "{}", ended.out);
    }
}

#[test]
fn what_is_not_there_is_not_waited_for_long() {
    let missing = || Answer::new(404, r#"{"error":"no such deploy"}"#);
    let platform = Platform::saying(vec![missing()]);
    let ended = run(&platform.url, &["deploy", "watch", ID]);
    assert_eq!((ended.code, platform.asked().len()), (4, 5), "{}", ended.err);
    // A push that was just accepted may not be on record yet.
    let live = events(&[deploy("live", &["requested"])]);
    let platform = Platform::saying(vec![missing(), live]);
    assert_eq!(run(&platform.url, &["deploy", "watch", ID]).code, 0);
    let ended = run("http://127.0.0.1:1", &["deploy", "watch", ID]);
    assert_eq!(ended.code, 5, "{}", ended.err);
}

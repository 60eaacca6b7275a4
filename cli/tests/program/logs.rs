//! `paas logs`: each line once, however often the connection breaks, and an end where there is one.

use std::process::Command;

use serde_json::{Value, json};

use crate::{
    Ended, ID, TOKEN, paas,
    platform::{Answer, Platform, deploy},
    run,
};

fn line(number: u32, source: &str, text: &str) -> String {
    let data = json!({ "at": "2026-11-23T10:00:00Z", "source": source, "deploy_id": ID, "origin": "", "text": text });
    format!("event: log\nid: c{number}\ndata: {data}\n\n")
}

fn stream(events: &[String]) -> Answer {
    Answer::ok(&(events.concat() + ": keep-alive\n\n")).header("content-type", "text/event-stream")
}

#[test]
fn the_newest_lines_are_told_and_that_is_all() {
    let platform =
        Platform::saying(vec![stream(&[line(1, "deploy", "queued"), line(2, "app", "hello")])]);
    let ended =
        run(&platform.url, &["logs", ID, "-n", "5", "--source", "deploy", "--source", "app"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert_eq!(ended.out, "10:00:00 deploy | queued\n10:00:00 app    | hello\n");
    let asked = platform.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].what, format!("GET /v1/apps/{ID}/logs?tail=5&source=deploy&source=app"));

    let ended = run(&platform.url, &["logs", ID, "--json"]);
    let lines: Vec<Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[1]["text"]), (2, &json!("hello")));
}

#[test]
fn a_stream_that_breaks_off_goes_on_after_the_last_line() {
    let platform = Platform::saying(vec![
        stream(&[line(1, "deploy", "queued"), line(2, "build", "one")]),
        Answer::ok(&deploy("building", &["requested"])),
        Answer::new(503, r#"{"error":"cannot answer now"}"#),
        stream(&[
            line(3, "build", "two"),
            "event: error\ndata: {\"error\":\"away\"}\n\n".to_owned(),
        ]),
        stream(&[line(4, "deploy", "live")]),
        Answer::ok(&deploy("live", &["requested", "went_live"])),
    ]);
    let ended = run(&platform.url, &["logs", ID, "--tail", "--deploy", ID]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let texts: Vec<&str> =
        ended.out.lines().map(|line| line.rsplit_once("| ").unwrap().1).collect();
    assert_eq!(texts, ["queued", "one", "two", "live"]);
    let asked = platform.asked();
    let logs: Vec<_> = asked.iter().filter(|asked| asked.what.contains("/logs?")).collect();
    let ids: Vec<_> = logs.iter().map(|asked| asked.header("last-event-id")).collect();
    assert_eq!(ids, [None, Some("c2"), Some("c2"), Some("c3")]);
    let path = format!("GET /v1/apps/{ID}/logs?follow=true");
    assert_eq!(logs[0].what, format!("{path}&tail=100&deploy_id={ID}"));
    assert_eq!(logs[1].what, format!("{path}&deploy_id={ID}"));
}

fn newest(deploy: &str) -> Answer {
    Answer::ok(&format!(r#"{{"deploys":[{deploy}]}}"#))
}

#[test]
fn until_live_tells_how_the_newest_deploy_ended() {
    for (state, code) in [("live", 0), ("failed", 1), ("cancelled", 1)] {
        let deploy = deploy(state, &["requested", state]);
        let platform = Platform::saying(vec![
            Answer::ok(r#"{"deploys":[]}"#),
            newest(&deploy),
            stream(&[line(1, "deploy", state)]),
        ]);
        let said = run(&platform.url, &["logs", ID, "--until-live"]);
        assert_eq!((said.code, platform.asked().len()), (code, 3), "{}", said.err);
        let mut told = said.out.lines();
        assert_eq!(told.next(), Some(format!("10:00:00 deploy | {state}").as_str()));
        assert!(told.next().unwrap().starts_with(state), "{}", said.out);
    }
}

#[test]
fn until_live_follows_a_deploy_that_is_named_to_its_end_and_no_further() {
    let superseded = deploy("superseded", &["requested", "superseded"]);
    let platform =
        Platform::saying(vec![stream(&[line(1, "deploy", "superseded")]), Answer::ok(&superseded)]);
    let ended = run(&platform.url, &["logs", ID, "--until-live", "--deploy", ID]);
    assert_eq!(ended.code, 1, "{}{}", ended.out, ended.err);
    assert!(ended.err.contains("Another deploy took its place"), "{}", ended.err);
}

#[test]
fn without_a_name_it_is_the_app_of_the_repository_one_is_in_or_the_only_one() {
    let app = |id: &str, name: &str| json!({ "id": id, "name": name });
    let other = "00000000-0000-0000-0000-000000000002";
    let source = |id: &str, repo: &str| {
        let source = json!({
            "app_id": id, "provider": "github", "repo_full_name": repo, "branch": "main", "clone_url": "x",
            "auto_deploy_enabled": true, "webhook_url": "x", "last_deploy_sha": null,
        });
        Answer::ok(&source.to_string())
    };
    let apps = |apps: &[Value]| Answer::ok(&json!({ "apps": apps }).to_string());
    let two = apps(&[app(other, "blog"), app(ID, "shop")]);
    let lines = stream(&[line(1, "app", "hello")]);
    let folder = tempfile::tempdir().unwrap();
    let logs = |platform: &Platform| {
        let mut paas = paas(&["logs"]);
        paas.env("PAAS_URL", &platform.url).env("PAAS_TOKEN", TOKEN);
        paas.env("PATH", std::env::var("PATH").unwrap()).env("GIT_CEILING_DIRECTORIES", "/");
        Ended::from(paas.current_dir(folder.path()).output().unwrap())
    };
    let only = Platform::saying(vec![apps(&[app(ID, "shop")]), lines.clone()]);
    assert_eq!(logs(&only).code, 0);
    let unclear = Platform::saying(vec![two.clone()]);
    let ended = logs(&unclear);
    assert!(ended.code == 2 && ended.err.contains("blog, shop"), "{}", ended.err);

    let git = |arguments: &[&str]| {
        let done = Command::new("git").args(arguments).current_dir(folder.path()).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    };
    git(&["init", "-q"]);
    git(&["remote", "add", "origin", "git@github.com:Acme/shop.git"]);
    let (blog, shop) = (source(other, "acme/blog"), source(ID, "acme/shop"));
    let platform = Platform::saying(vec![two.clone(), blog.clone(), shop, lines]);
    let ended = logs(&platform);
    assert_eq!((ended.code, ended.out.as_str()), (0, "10:00:00 app    | hello\n"), "{}", ended.err);
    assert!(ended.err.contains("App shop"), "{}", ended.err);
    let nobody = Platform::saying(vec![two, blog.clone(), blog]);
    assert_eq!(logs(&nobody).code, 2);
}

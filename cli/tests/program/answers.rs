//! Answers of the platform: what is shown, with which code the program ends, what is asked again.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::{
    Ended, ID, paas,
    platform::{Answer, Platform, deploy},
    run,
};

#[test]
fn a_refusal_is_told_with_what_to_do_and_ends_with_its_code() {
    for (status, code) in [(401, 3), (403, 3), (404, 4), (409, 6), (422, 2), (500, 7), (418, 7)] {
        // Whoever sends back what it got makes us no traitor.
        let body = r#"{"error":"no: {token}\u001b[31m"}"#;
        let platform = Platform::saying(vec![Answer::new(status, body)]);
        let ended = run(&platform.url, &["dead-letters", "retry", "7"]);
        assert_eq!((ended.code, ended.out.as_str()), (code, ""), "{status}: {}", ended.err);
        assert!(ended.err.contains("no: <token>"), "{}", ended.err);
        let json = run(&platform.url, &["dead-letters", "retry", "7", "--json"]);
        let problem: Value = serde_json::from_str(&json.err).unwrap();
        assert!(problem["error"].as_str().unwrap().contains("no: <token>"), "{problem}");
    }
}

#[test]
fn what_is_no_answer_of_the_platform_is_not_repeated() {
    for body in ["<html>{token}</html>", "{token}", "", r#"{"deploy_id":"{token}"}"#] {
        let platform = Platform::saying(vec![Answer::ok(body)]);
        let ended = run(&platform.url, &["deploy", "show", ID]);
        assert_eq!(ended.code, 7, "{}", ended.err);
        assert!(ended.err.contains("PAAS_URL"), "{}", ended.err);
    }
}

#[test]
fn what_is_done_once_however_often_it_is_asked_for_is_tried_again() {
    let busy = || Answer::new(503, r#"{"error":"cannot answer now"}"#);
    let platform = Platform::saying(vec![busy(), busy(), Answer::ok(&deploy("live", &[]))]);
    let ended = run(&platform.url, &["deploy", "show", ID]);
    assert_eq!((ended.code, platform.asked().len()), (0, 3), "{}", ended.err);

    let platform = Platform::saying(vec![busy()]);
    let ended = run(&platform.url, &["deploy", "show", ID]);
    assert_eq!((ended.code, platform.asked().len()), (5, 5), "{}", ended.err);
    let platform = Platform::saying(vec![busy()]);
    let ended = run(&platform.url, &["dead-letters", "discard", "7"]);
    let asked = platform.asked();
    assert_eq!((ended.code, asked.len()), (5, 5), "{}", ended.err);
    let keys: BTreeSet<_> = asked.iter().map(|asked| asked.header("idempotency-key")).collect();
    assert!(keys.len() == 1 && !keys.contains(&None), "{keys:?}");
    let other = Platform::saying(vec![Answer::ok(r#"{"state":"discarded"}"#)]);
    assert_eq!(run(&other.url, &["dead-letters", "discard", "7"]).code, 0);
    assert!(!keys.contains(&other.asked()[0].header("idempotency-key")), "a key is of one command");
}

#[test]
fn what_is_still_being_worked_on_is_asked_for_again_and_a_refusal_is_not() {
    let underway = Answer::new(409, r#"{"error":"still underway"}"#).header("retry-after", "1");
    let done = Answer::ok(r#"{"state":"discarded"}"#);
    let platform = Platform::saying(vec![underway, done.clone()]);
    let discard = ["dead-letters", "discard", "7"];
    let ended = run(&platform.url, &discard);
    assert_eq!((ended.code, platform.asked().len()), (0, 2), "{}", ended.err);
    let refusal = Answer::new(409, r#"{"error":"it was taken in"}"#);
    let platform = Platform::saying(vec![refusal, done]);
    let ended = run(&platform.url, &discard);
    assert_eq!((ended.code, platform.asked().len()), (6, 1), "{}", ended.err);
}

#[test]
fn whoever_may_not_is_told_what_to_do() {
    for (status, error, hint) in [
        (401, "missing or invalid API token", "paas login"),
        (403, "this needs the scope deploy, and the token has read", "paas whoami"),
    ] {
        let body = json!({ "error": error }).to_string();
        let platform = Platform::saying(vec![Answer::new(status, &body)]);
        let ended = run(&platform.url, &["deploys", ID]);
        assert_eq!(ended.code, 3, "{}", ended.err);
        assert!(ended.err.contains(error) && ended.err.contains(hint), "{}", ended.err);
    }
}

#[test]
fn the_token_is_sent_nowhere_else() {
    let other = Platform::saying(vec![Answer::ok(&deploy("live", &[]))]);
    let away = Answer::new(307, "").header("location", &format!("{}/v1/deploys/{ID}", other.url));
    let platform = Platform::saying(vec![away]);
    let ended = run(&platform.url, &["deploy", "show", ID]);
    assert_eq!(ended.code, 7, "{}", ended.err);
    assert_eq!((platform.asked().len(), other.asked().len()), (1, 0));
}

#[test]
fn nobody_at_the_other_end_is_told_with_the_address() {
    let ended = run("http://127.0.0.1:1", &["deploys", ID]);
    assert_eq!(ended.code, 5);
    assert!(ended.err.contains("http://127.0.0.1:1/"), "{}", ended.err);
    assert!(ended.err.contains("refused"), "{}", ended.err);
}

#[test]
fn a_name_is_looked_up_and_pages_are_put_together() {
    let apps = Answer::ok(&format!(r#"{{"apps":[{{"id":"{ID}","name":"shop"}}]}}"#));
    let one = deploy("failed", &["requested"]);
    let page = |next: &str| Answer::ok(&format!(r#"{{"deploys":[{one},{one}]{next}}}"#));
    let pages = vec![apps.clone(), page(r#","next_page_token":"a/b""#), page("")];
    let platform = Platform::saying(pages);
    let ended = run(&platform.url, &["deploys", "shop", "--limit", "3", "--json"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let listed: Value = serde_json::from_str(&ended.out).unwrap();
    assert_eq!(listed["deploys"].as_array().unwrap().len(), 3);
    assert_eq!(listed["deploys"][0]["state"], "failed");
    let what: Vec<String> = platform.asked().into_iter().map(|asked| asked.what).collect();
    let path = format!("GET /v1/apps/{ID}/deploys?page_size");
    let expected = [
        "GET /v1/apps?page_size=200".to_owned(),
        format!("{path}=3"),
        format!("{path}=1&page_token=a%2Fb"),
    ];
    assert_eq!(what, expected);

    let platform = Platform::saying(vec![apps]);
    let ended = run(&platform.url, &["deploys", "shops"]);
    assert_eq!(ended.code, 4);
    assert!(ended.err.contains(r#"there is no app "shops""#), "{}", ended.err);
}

#[test]
fn colours_are_for_terminals() {
    let listed = format!(r#"{{"deploys":[{}]}}"#, deploy("live", &[]));
    let platform = Platform::saying(vec![Answer::ok(&listed)]);
    let ended = run(&platform.url, &["deploys", ID]);
    assert!(ended.out.contains("  live  "), "{}", ended.out);
    let mut forced = paas(&["deploys", ID]);
    let forced = forced.env("PAAS_URL", &platform.url).env("PAAS_TOKEN", "x");
    let coloured = forced.env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(coloured.stdout.contains(&b'\x1b'));
    let plain =
        Ended::from(forced.env("NO_COLOR", "1").env_remove("CLICOLOR_FORCE").output().unwrap());
    assert_eq!(plain.out, ended.out);
}

//! `paas replay`: nothing is taken in that was not shown and confirmed.

use serde_json::{Value, json};

use crate::{
    ID,
    platform::{Answer, Platform},
    run,
};

fn lines(dry_run: bool, count: u64) -> Answer {
    let outcome = if dry_run { "would_take_in" } else { "taken_in" };
    let push = json!({ "sequence": 7, "published_at": "2026-11-23T10:00:00Z", "deploy_id": ID, "app_id": ID,
                       "sha": "5f3e2a1b".repeat(5), "branch": "main", "outcome": outcome });
    let known = json!({ "sequence": 8, "published_at": null, "outcome": "already_recorded" });
    let summary = json!({ "summary": {
        "dry_run": dry_run, "examined": count + 1, "already_recorded": 1, "dead_lettered": 0,
        "would_take_in": if dry_run { count } else { 0 }, "taken_in": if dry_run { 0 } else { count },
    }});
    let pushes = format!("{push}\n").repeat(usize::try_from(count).unwrap());
    Answer::ok(&format!("{pushes}\n{known}\n{summary}\n"))
}

fn apps() -> Answer {
    Answer::ok(&format!(r#"{{"apps":[{{"id":"{ID}","name":"shop"}}]}}"#))
}

/// The bodies of the replays that were asked for.
fn orders(platform: &Platform) -> Vec<Value> {
    let asked = platform.asked().into_iter().filter(|asked| asked.what == "POST /v1/replays");
    asked.map(|asked| serde_json::from_str(&asked.body).unwrap()).collect()
}

#[test]
fn without_a_word_of_consent_it_is_a_dry_run() {
    let platform = Platform::saying(vec![apps(), lines(true, 2)]);
    let ended = run(&platform.url, &["replay"]);
    assert_eq!(ended.code, 2, "{}", ended.err);
    assert!(ended.err.contains("--yes"), "{}", ended.err);
    assert_eq!(ended.out.matches("would take in").count(), 2, "{}", ended.out);
    assert!(ended.out.contains("shop "), "{}", ended.out);
    assert!(ended.out.contains("3 pushes examined: 2 would be taken in"), "{}", ended.out);
    assert_eq!(orders(&platform), [json!({ "dry_run": true })]);

    for (count, arguments) in [(2, &["replay", "--dry-run"][..]), (0, &["replay"])] {
        let platform = Platform::saying(vec![apps(), lines(true, count)]);
        assert_eq!(run(&platform.url, arguments).code, 0);
        assert_eq!(orders(&platform), [json!({ "dry_run": true })]);
    }
}

#[test]
fn with_consent_it_looks_first_and_then_takes_in() {
    let platform = Platform::saying(vec![lines(true, 2), lines(false, 2)]);
    let time = "2026-11-23T08:00:00Z";
    let ended = run(
        &platform.url,
        &[
            "replay",
            "--app",
            ID,
            "--since",
            time,
            "--from-seq",
            "3",
            "--to-seq",
            "9",
            "--yes",
            "--json",
        ],
    );
    assert_eq!(ended.code, 0, "{}", ended.err);
    let order = |dry_run| json!({ "app_id": ID, "since": time, "from_sequence": 3, "to_sequence": 9, "dry_run": dry_run });
    assert_eq!(orders(&platform), [order(true), order(false)]);
    let told: Vec<Value> =
        ended.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(told.len(), 4, "{}", ended.out);
    assert_eq!(told[0]["outcome"], "taken_in");
    assert_eq!(told[2]["outcome"], "already_recorded");
    assert_eq!(told[3]["summary"]["taken_in"], 2);
}

#[test]
fn a_replay_that_breaks_off_is_no_success() {
    let broken = Answer::ok("{\"error\":\"cannot answer now\"}\n");
    let cut = Answer::ok("{\"sequence\":7,\"published_at\":null,\"outcome\":\"taken_in\"}\n");
    for answer in [broken, cut, Answer::ok("")] {
        let platform = Platform::saying(vec![apps(), lines(true, 1), answer]);
        let ended = run(&platform.url, &["replay", "--yes"]);
        assert_eq!(ended.code, 5, "{}", ended.err);
        assert!(ended.err.contains("run it again"), "{}", ended.err);
    }
}

//! The rules of the line, each by name.

use deploy_domain::{
    AutoDeploy, BuildOutcome, Command, Event, Rejection, RolloutOutcome, Stage, Step, plan,
};

use crate::words::{Story, failed, id, image, push, sha};

#[test]
fn a_push_is_built_rolled_out_and_goes_live() {
    let mut story = Story::new();
    assert_eq!(story.push(1, '0', 'a'), ["requested"]);
    assert_eq!(plan(&story.line), [Step::StartBuild { deploy: id(1), sha: sha('a') }]);
    assert_eq!(story.build(1, BuildOutcome::Started), ["build_started"]);
    assert_eq!(plan(&story.line), [Step::CheckBuild { deploy: id(1) }]);
    assert_eq!(story.built(1, 'a'), ["built", "rollout_started"]);
    let roll_out = Step::RollOut { deploy: id(1), generation: 1, image: image('a'), sha: sha('a') };
    assert_eq!(plan(&story.line), [roll_out]);
    assert_eq!(story.live(), None, "nothing is live before the rollout is complete");
    assert_eq!(story.rollout(1, 1, RolloutOutcome::Complete), ["went_live"]);
    assert_eq!(story.live(), Some(&sha('a')));
    assert!(story.line.is_idle() && plan(&story.line).is_empty());
}

#[test]
fn newest_wins_over_what_has_not_begun_to_roll_out() {
    let mut story = Story::new();
    story.push(1, '0', 'a');
    story.build(1, BuildOutcome::Started);
    assert_eq!(story.push(2, 'a', 'b'), ["superseded", "requested"]);
    assert_eq!(story.summary(1).0, "superseded");
    let stop = Step::StopBuild { deploy: id(1) };
    assert!(plan(&story.line).contains(&stop), "its build is cancelled");
    assert_eq!(story.built(1, 'a'), [""; 0], "its late success changes nothing");
    assert_eq!(story.tell(Command::ReportStopped { deploy: id(1) }), ["build_stopped"]);
    assert!(!plan(&story.line).contains(&stop));
}

#[test]
fn what_is_rolling_out_ends_before_the_newer_follows() {
    let mut story = Story::new();
    story.push(1, '0', 'a');
    story.built(1, 'a');
    assert_eq!(story.push(2, 'a', 'b'), ["requested"]);
    assert_eq!(story.built(2, 'b'), ["build_started", "built"], "one rollout at a time");
    assert_eq!(story.rollout(1, 1, RolloutOutcome::Complete), ["went_live", "rollout_started"]);
    assert_eq!(story.rollout(2, 2, RolloutOutcome::Complete), ["went_live"]);
    assert_eq!(story.live(), Some(&sha('b')));
}

#[test]
fn an_older_push_that_arrives_late_never_overtakes() {
    let mut story = Story::new();
    story.push(1, 'b', 'c');
    assert_eq!(story.push(2, 'a', 'b'), ["arrived_late"], "b came before c: the chain says so");
    assert_eq!(story.summary(2).0, "superseded");
}

#[test]
fn the_time_of_the_push_outweighs_its_arrival() {
    let mut story = Story::new();
    let at = |number, letter, pushed_at| {
        let mut push = push(number, '0', letter);
        push.mark.pushed_at = Some(pushed_at);
        Command::Push(Box::new(push))
    };
    story.tell(at(1, 'c', 20));
    assert_eq!(story.tell(at(2, 'b', 10)), ["arrived_late"]);
    assert_eq!(story.tell(at(3, 'd', 30)), ["superseded", "requested"]);
}

#[test]
fn a_redelivery_after_a_failure_keeps_its_place_in_the_order() {
    let mut story = Story::new();
    let again = |number: u64, first: u64, before, after| {
        let mut push = push(number, before, after);
        push.mark.place.sequence = first;
        push.origin.attempt = 1;
        Command::Push(Box::new(push))
    };
    story.push(1, '0', 'a');
    story.build(1, BuildOutcome::Failed { reason: "exit 1".into() });
    assert_eq!(story.tell(again(2, 1, '0', 'a')), ["requested"], "a person asks again");
    story.build(2, BuildOutcome::Failed { reason: "exit 1".into() });
    story.deployed(3, 'x', 'c');
    assert_eq!(
        story.tell(again(4, 1, '0', 'a')),
        ["arrived_late"],
        "it never overtakes a newer push"
    );
    assert_eq!(story.live(), Some(&sha('c')));
}

#[test]
fn the_commit_that_is_live_is_left_unchanged_when_the_line_is_idle() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    assert_eq!(story.push(2, '0', 'a'), ["left_unchanged"]);
    assert_eq!(story.summary(2).0, "duplicate");
}

#[test]
fn going_back_to_the_live_commit_while_a_newer_is_built_deploys_it_again() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.push(2, 'a', 'b');
    assert_eq!(story.push(3, 'b', 'a'), ["superseded", "requested"]);
    story.built(3, 'a');
    story.rollout(3, 2, RolloutOutcome::Complete);
    assert_eq!(story.live(), Some(&sha('a')), "the branch's head, not b");
}

#[test]
fn going_back_to_the_live_commit_while_a_newer_rolls_out_follows_it() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.push(2, 'a', 'b');
    story.built(2, 'b');
    assert_eq!(story.push(3, 'b', 'a'), ["requested"]);
    story.built(3, 'a');
    assert_eq!(story.rollout(2, 2, RolloutOutcome::Complete), ["went_live", "rollout_started"]);
    story.rollout(3, 3, RolloutOutcome::Complete);
    assert_eq!(story.live(), Some(&sha('a')));
}

#[test]
fn an_older_commit_is_deployed_again_after_a_force_push_back_to_it() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.deployed(2, 'a', 'b');
    story.deployed(3, 'b', 'a');
    assert_eq!(story.live(), Some(&sha('a')));
}

#[test]
fn a_second_push_of_a_commit_underway_is_a_duplicate_of_the_first() {
    let mut story = Story::new();
    story.push(1, '0', 'a');
    assert_eq!(story.push(2, '0', 'a'), ["found_duplicate"]);
    let (state, reason) = story.summary(2);
    assert_eq!(state, "duplicate");
    assert!(reason.contains(&id(1).to_string()), "{reason}");
}

#[test]
fn a_duplicate_of_what_rolls_out_still_supersedes_what_came_between() {
    let mut story = Story::new();
    story.push(1, '0', 'a');
    story.built(1, 'a');
    story.push(2, 'a', 'b');
    assert_eq!(story.push(3, 'b', 'a'), ["superseded", "found_duplicate"]);
    story.rollout(1, 1, RolloutOutcome::Complete);
    assert_eq!(story.live(), Some(&sha('a')));
    assert!(story.line.underway.is_empty(), "b is not to go live on a branch whose head is a");
}

#[test]
fn a_push_of_a_commit_that_is_being_put_back_is_a_new_try() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.push(2, 'a', 'b');
    story.built(2, 'b');
    story.rollout(2, 2, failed("ProgressDeadlineExceeded"));
    assert_eq!(story.push(3, 'a', 'b'), ["requested"], "as a duplicate it would be lost");
}

#[test]
fn a_failed_build_ends_the_deploy_and_what_is_live_stays() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.push(2, 'a', 'b');
    assert_eq!(
        story.build(2, BuildOutcome::Failed { reason: "exit 1".into() }),
        ["build_started", "failed"]
    );
    assert_eq!(story.summary(2), ("failed", "build failed: exit 1".into()));
    assert_eq!(story.live(), Some(&sha('a')));
}

#[test]
fn a_build_whose_run_was_deleted_fails_and_is_not_built_twice() {
    let mut story = Story::new();
    story.push(1, '0', 'a');
    story.build(1, BuildOutcome::Started);
    assert_eq!(story.build(1, BuildOutcome::Gone), ["failed"]);
}

#[test]
fn a_failed_rollout_puts_the_last_live_image_back() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.push(2, 'a', 'b');
    story.built(2, 'b');
    assert_eq!(story.rollout(2, 2, failed("ProgressDeadlineExceeded")), ["put_back_started"]);
    assert_eq!(story.summary(2).0, "rolling_back");
    let put_back = Step::PutBack { deploy: id(2), generation: 3, image: image('a'), sha: sha('a') };
    assert_eq!(
        plan(&story.line),
        [put_back],
        "as a new generation, so that the fence lets it through"
    );
    assert_eq!(story.put_back(2, 3, RolloutOutcome::Complete), ["failed"]);
    assert_eq!(story.summary(2), ("failed", "rollout failed: ProgressDeadlineExceeded".into()));
    assert_eq!(story.live(), Some(&sha('a')));
}

#[test]
fn a_put_back_that_fails_too_says_both_reasons() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.push(2, 'a', 'b');
    story.built(2, 'b');
    story.rollout(2, 2, failed("first"));
    story.put_back(2, 3, failed("second"));
    assert_eq!(story.summary(2), ("failed", "put back failed: first; then: second".into()));
}

#[test]
fn a_failed_first_rollout_has_nothing_to_put_back() {
    let mut story = Story::new();
    story.push(1, '0', 'a');
    story.built(1, 'a');
    assert_eq!(story.rollout(1, 1, failed("ImagePullBackOff")), ["failed"]);
    assert_eq!(story.live(), None);
}

#[test]
fn a_newer_push_waits_for_a_put_back() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.push(2, 'a', 'b');
    story.built(2, 'b');
    story.rollout(2, 2, failed("deadline"));
    story.push(3, 'b', 'c');
    assert_eq!(story.built(3, 'c'), ["build_started", "built"], "it is only built");
    assert_eq!(story.put_back(2, 3, RolloutOutcome::Complete), ["failed", "rollout_started"]);
    assert!(matches!(&story.line.underway[0].stage, Stage::RollingOut { generation: 4, .. }));
}

#[test]
fn a_report_about_another_generation_changes_nothing() {
    let mut story = Story::new();
    story.push(1, '0', 'a');
    story.built(1, 'a');
    assert_eq!(story.rollout(1, 7, RolloutOutcome::Complete), [""; 0]);
    assert_eq!(story.put_back(1, 1, RolloutOutcome::Complete), [""; 0]);
}

#[test]
fn every_report_may_come_twice() {
    let mut story = Story::new();
    story.push(1, '0', 'a');
    story.build(1, BuildOutcome::Started);
    assert_eq!(story.build(1, BuildOutcome::Started), [""; 0]);
    story.built(1, 'a');
    assert_eq!(story.built(1, 'a'), [""; 0]);
    story.rollout(1, 1, RolloutOutcome::Complete);
    assert_eq!(story.rollout(1, 1, RolloutOutcome::Complete), [""; 0]);
    assert_eq!(story.push(1, '0', 'a'), [""; 0]);
}

#[test]
fn a_cluster_that_is_ahead_of_the_log_is_overtaken_not_fought() {
    let mut story = Story::new();
    story.push(1, '0', 'a');
    story.built(1, 'a');
    assert_eq!(story.rollout(1, 1, RolloutOutcome::Fenced { found: 40 }), ["rollout_started"]);
    assert!(matches!(&story.line.underway[0].stage, Stage::RollingOut { generation: 41, .. }));
    story.rollout(1, 41, RolloutOutcome::Complete);
    assert_eq!(story.line.next_generation, 42);
}

#[test]
fn cancelling_before_the_rollout_ends_the_deploy_and_stops_its_build() {
    let mut story = Story::new();
    story.push(1, '0', 'a');
    let cancel = || Command::Cancel { deploy: id(1), by: "ada".into() };
    assert_eq!(story.tell(cancel()), ["cancelled"]);
    assert_eq!(story.summary(1), ("cancelled", "cancelled by ada".into()));
    assert_eq!(plan(&story.line), [Step::StopBuild { deploy: id(1) }]);
    assert_eq!(story.try_tell(cancel()), Err(Rejection::NotUnderway(id(1))));
}

#[test]
fn cancelling_a_rollout_puts_the_last_live_image_back() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.push(2, 'a', 'b');
    story.built(2, 'b');
    let cancel = || Command::Cancel { deploy: id(2), by: "ada".into() };
    assert_eq!(story.tell(cancel()), ["put_back_started"]);
    assert_eq!(story.tell(cancel()), [""; 0]);
    assert_eq!(story.put_back(2, 3, RolloutOutcome::Complete), ["cancelled"]);
    assert_eq!(story.live(), Some(&sha('a')));
}

#[test]
fn a_first_rollout_cannot_be_cancelled() {
    let mut story = Story::new();
    story.push(1, '0', 'a');
    story.built(1, 'a');
    let cancel = Command::Cancel { deploy: id(1), by: "ada".into() };
    assert_eq!(story.try_tell(cancel), Err(Rejection::NothingToPutBack));
}

#[test]
fn a_rollback_puts_an_earlier_image_live_without_a_build_and_pauses_auto_deploy() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.deployed(2, 'a', 'b');
    let told = story.tell(Command::RollBack { deploy: id(9), to: None, by: "ada".into() });
    assert_eq!(told, ["rollback_requested", "auto_deploy_paused", "rollout_started"]);
    let roll_out = Step::RollOut { deploy: id(9), generation: 3, image: image('a'), sha: sha('a') };
    assert_eq!(plan(&story.line), [roll_out]);
    story.rollout(9, 3, RolloutOutcome::Complete);
    assert_eq!(story.live(), Some(&sha('a')));
    assert_eq!(story.line.auto_deploy, AutoDeploy::Paused { by: id(9) });
    assert_eq!(story.push(3, 'b', 'c'), ["held_back"]);
    assert_eq!(story.summary(3).0, "cancelled");
    assert_eq!(story.tell(Command::Resume { by: "ada".into() }), ["auto_deploy_resumed"]);
    assert_eq!(story.tell(Command::Resume { by: "ada".into() }), [""; 0]);
    assert_eq!(story.push(4, 'c', 'd'), ["requested"]);
}

#[test]
fn a_rollback_supersedes_what_is_being_built() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.deployed(2, 'a', 'b');
    story.push(3, 'b', 'c');
    let told = story.tell(Command::RollBack { deploy: id(9), to: Some(id(1)), by: "ada".into() });
    assert_eq!(told, ["superseded", "rollback_requested", "auto_deploy_paused", "rollout_started"]);
}

#[test]
fn the_last_ten_releases_can_be_rolled_back_to() {
    let mut story = Story::new();
    for (number, letter) in (1..).zip('a'..='l') {
        story.deployed(number, char::from(letter as u8 - 1), letter);
    }
    let numbers: Vec<u64> = story.line.releases.iter().map(|release| release.number).collect();
    assert_eq!(numbers, (3..=12).collect::<Vec<_>>());
    let back_to = |to| Command::RollBack { deploy: id(99), to: Some(id(to)), by: "ada".into() };
    assert_eq!(story.try_tell(back_to(2)), Err(Rejection::NoSuchRelease));
    assert_eq!(story.try_tell(back_to(12)), Err(Rejection::AlreadyLive(12)));
    assert!(story.try_tell(back_to(3)).is_ok());
}

#[test]
fn a_redeploy_builds_the_newest_commit_once_more() {
    let mut story = Story::new();
    let redeploy = |number| Command::Redeploy { deploy: id(number), by: "ada".into() };
    assert_eq!(story.try_tell(redeploy(8)), Err(Rejection::NoPush));
    story.push(1, '0', 'a');
    assert_eq!(story.try_tell(redeploy(8)), Err(Rejection::AlreadyUnderway(id(1))));
    story.build(1, BuildOutcome::Failed { reason: "exit 1".into() });
    assert_eq!(story.tell(redeploy(9)), ["redeploy_requested"]);
    assert_eq!(story.tell(redeploy(9)), [""; 0]);
}

#[test]
fn the_source_tag_names_provider_and_commit() {
    let mut story = Story::new();
    story.deployed(1, '0', 'a');
    story.deployed(2, 'a', 'b');
    story.tell(Command::RollBack { deploy: id(9), to: None, by: "ada".into() });
    let tags: Vec<String> =
        story.log.iter().filter_map(Event::begins).map(|(sha, source)| source.tag(sha)).collect();
    assert_eq!(
        tags,
        [
            format!("github_webhook:{}", sha('a')),
            format!("github_webhook:{}", sha('b')),
            "rollback:1".into()
        ]
    );
}

//! The verdict on every version of a Deployment that a real cluster showed: created, rolled, failed and put back.

use super::*;

fn recorded(step: usize) -> Deployment {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/deployment");
    let text = std::fs::read_to_string(format!("{folder}/rollout-step-{step:02}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn phases(steps: impl Iterator<Item = usize>) -> Vec<RolloutPhase> {
    steps.map(|step| judge(&recorded(step)).phase).collect()
}

fn with_status(replicas: i32, status: serde_json::Value) -> Verdict {
    let mut deployment = recorded(8);
    deployment.spec.replicas = Some(replicas);
    deployment.status = Some(serde_json::from_value(status).unwrap());
    judge(&deployment)
}

#[test]
fn a_deployment_is_complete_when_its_last_replica_is_available() {
    use RolloutPhase::{Complete, Progressing};
    assert_eq!(phases(1..=7), vec![Progressing; 7]);
    assert_eq!(judge(&recorded(8)).phase, Complete);
}

#[test]
fn a_change_is_not_complete_before_the_controller_has_seen_it() {
    for step in [9, 10, 27, 28] {
        let verdict = judge(&recorded(step));
        assert_eq!(verdict.phase, RolloutPhase::Progressing, "step {step}");
        assert_eq!(verdict.reason, "Kubernetes has not seen the change yet");
    }
}

#[test]
fn a_rolling_update_progresses_until_only_new_replicas_are_left() {
    use RolloutPhase::{Complete, Progressing};
    assert_eq!(phases(11..=24), vec![Progressing; 14]);
    assert_eq!(phases(25..=26), vec![Complete; 2], "also while old pods are terminating");
    assert_eq!(
        judge(&recorded(16)).reason,
        "2 of 3 replicas updated, 3 available, 4 in all",
        "people see how far it is"
    );
}

#[test]
fn a_missed_deadline_fails_the_rollout() {
    assert_eq!(phases(29..=30), vec![RolloutPhase::Progressing; 2]);
    let verdict = judge(&recorded(31));
    assert_eq!(verdict.phase, RolloutPhase::Failed);
    assert_eq!(
        verdict.reason,
        "ProgressDeadlineExceeded: ReplicaSet \"web-86cb744f75\" has timed out progressing."
    );
}

#[test]
fn a_put_back_is_not_failed_by_the_deadline_that_its_predecessor_missed() {
    use RolloutPhase::{Complete, Progressing};
    assert_eq!(phases(32..=34), vec![Progressing; 3]);
    assert_eq!(phases(35..=36), vec![Complete; 2]);
}

#[test]
fn a_quota_is_told_but_the_deadline_decides() {
    let verdict = with_status(
        3,
        serde_json::json!({
            "observedGeneration": 1, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2,
            "conditions": [{
                "type": "ReplicaFailure", "status": "True", "reason": "FailedCreate",
                "message": "pods \"web-1\" is forbidden: exceeded quota"
            }]
        }),
    );
    assert_eq!(verdict.phase, RolloutPhase::Progressing);
    assert!(verdict.reason.ends_with("exceeded quota"), "{}", verdict.reason);
}

#[test]
fn an_app_scaled_to_nothing_is_complete_and_says_so() {
    let verdict = with_status(0, serde_json::json!({ "observedGeneration": 1 }));
    assert_eq!(verdict.phase, RolloutPhase::Complete);
    assert!(verdict.reason.contains("scaled to 0"), "{}", verdict.reason);
    let still = with_status(0, serde_json::json!({ "observedGeneration": 1, "replicas": 2 }));
    assert_eq!(still.phase, RolloutPhase::Progressing);
}

#[test]
fn a_paused_deployment_says_who_has_to_act() {
    let mut deployment = recorded(11);
    deployment.spec.paused = Some(true);
    let verdict = judge(&deployment);
    assert_eq!(verdict.phase, RolloutPhase::Progressing);
    assert!(verdict.reason.contains("resume it"), "{}", verdict.reason);
}

//! The judgement of recorded runs, and what an order holds.

use paas_proto::cluster;

use super::*;
use crate::request::Label;

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn recorded(name: &str) -> PipelineRun {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/pipelinerun");
    let text = std::fs::read_to_string(format!("{folder}/{name}.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn phase(name: &str) -> BuildPhase {
    recorded(name).build().phase()
}

fn succeeded_with(results: Value) -> Build {
    let mut run = recorded("ok-05");
    run.spec.params =
        vec![Param { name: IMAGE.to_owned(), value: "registry:5000/default/web:abc".into() }];
    if let Some(status) = &mut run.status {
        status.results = serde_json::from_value(results).unwrap();
    }
    run.build()
}

#[test]
fn a_run_is_judged_by_its_succeeded_condition() {
    for name in ["ok-01", "ok-02", "ok-03", "ok-04", "cancel-04", "graceful-04", "tmo-03"] {
        assert_eq!(phase(name), BuildPhase::Running, "{name}");
    }
    for name in ["fail-04", "cancel-05", "graceful-05", "tmo-04", "missing-03"] {
        assert_eq!(phase(name), BuildPhase::Failed, "{name}");
    }
}

#[test]
fn a_failed_run_says_why() {
    let build = recorded("tmo-04").build();
    assert_eq!(
        build.reason,
        "PipelineRunTimeout: PipelineRun \"tmo\" failed to finish within \"3s\""
    );
    assert!(build.created_at.is_some_and(|time| time.seconds > 1_700_000_000));
    assert!(build.image.is_empty());
}

#[test]
fn the_image_is_the_ordered_repository_at_the_reported_digest() {
    let build = succeeded_with(json!([{ "name": "image-digest", "value": format!("{DIGEST}\n") }]));
    assert_eq!(build.phase(), BuildPhase::Succeeded);
    assert_eq!(build.image, format!("registry:5000/default/web@{DIGEST}"));
}

#[test]
fn success_without_a_digest_is_a_failure() {
    for results in [
        json!([]),
        json!([{ "name": "image-digest", "value": "sha256:abc" }]),
        json!([{ "name": "image-digest", "value": ["sha256:abc"] }]),
        json!([{ "name": "image-digest", "value": format!("evil.example/x@{DIGEST}") }]),
        json!([{ "name": "digest", "value": DIGEST }]),
    ] {
        let build = succeeded_with(results);
        assert_eq!(build.phase(), BuildPhase::Failed);
        assert!(build.reason.contains("image-digest"), "{}", build.reason);
    }
}

#[test]
fn a_run_that_ended_or_was_told_to_is_not_stopped_again() {
    assert!(!recorded("cancel-03").is_stopping());
    for name in ["cancel-04", "cancel-05", "ok-05", "fail-04"] {
        assert!(recorded(name).is_stopping(), "{name}");
    }
}

#[test]
fn nobody_but_the_label_says_whose_a_run_is() {
    assert_eq!(recorded("ok-05").deploy(), None);
    let mut run = recorded("ok-05");
    run.metadata.labels = Some(BTreeMap::from([(DEPLOY_ID.to_owned(), "d".to_owned())]));
    assert_eq!(run.deploy(), Some("d"));
}

#[test]
fn an_app_name_of_full_length_fits_every_place() {
    let app = cluster::App {
        app_id: uuid::Uuid::nil().to_string(),
        name: "a".repeat(63),
        tenant_id: uuid::Uuid::nil().to_string(),
    };
    assert!(App::parse(Some(app)).is_ok());
    assert!(Label::parse(&paas_proto::ids::run_name(uuid::Uuid::nil())).is_some());
}

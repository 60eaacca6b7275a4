//! Steps against a fake agent, over the same channel that the real one is reached by.

use paas_proto::cluster::{BuildPhase, RolloutPhase};
use uuid::Uuid;

use super::*;
use crate::{
    clone_credentials,
    cluster_port::{
        self,
        fake::{Fake, passing_trouble, refusal},
    },
};

const LIMITS: Limits = Limits { build: Duration::from_mins(1), rollout: Duration::from_mins(1) };

async fn perform(fake: &Fake, step: &Step) -> Result<Finding, Error> {
    perform_within(fake, step, LIMITS).await
}

async fn perform_within(fake: &Fake, step: &Step, limits: Limits) -> Result<Finding, Error> {
    let (cluster, server) = cluster_port::in_process(fake.clone());
    tokio::spawn(server);
    let app = App { id: Uuid::from_u128(1), name: "web".to_owned(), tenant_id: Uuid::nil() };
    let nobody = clone_credentials::Settings::default();
    let credentials = CloneCredentials::new(&nobody, &"07".repeat(32).into()).unwrap();
    let inputs = DeployInputs {
        clone_url: "https://example.com/web.git".to_owned(),
        sha: sha().to_string(),
        traceparent: Some("00-trace".to_owned()),
    };
    Hands::new(cluster, credentials, limits).perform(&app, step, &inputs).await
}

const DEPLOY: DeployId = DeployId(Uuid::from_u128(7));

fn sha() -> Sha {
    Sha::try_from("a".repeat(40)).unwrap()
}

fn image() -> Image {
    Image::try_from(format!("registry/web@sha256:{}", "1".repeat(64))).unwrap()
}

fn build(phase: BuildPhase) -> Build {
    Build { phase: phase.into(), image: image().to_string(), ..Build::default() }
}

fn running_since(timestamp: Timestamp) -> Build {
    let created_at = prost_types::Timestamp { seconds: timestamp.as_second(), nanos: 0 };
    Build { created_at: Some(created_at), ..build(BuildPhase::Running) }
}

fn rollout(phase: RolloutPhase) -> Rollout {
    Rollout { phase: phase.into(), reason: "0 of 1 is up".to_owned(), found_generation: 9 }
}

fn build_is(outcome: BuildOutcome) -> Finding {
    Finding::Report(Command::ReportBuild { deploy: DEPLOY, outcome })
}

fn rollout_is(outcome: RolloutOutcome) -> Finding {
    Finding::Report(Command::ReportRollout { deploy: DEPLOY, generation: 3, outcome })
}

fn start_build() -> Step {
    Step::StartBuild { deploy: DEPLOY, sha: sha() }
}

fn roll_out() -> Step {
    Step::RollOut { deploy: DEPLOY, generation: 3, image: image(), sha: sha() }
}

fn put_back() -> Step {
    Step::PutBack { deploy: DEPLOY, generation: 3, image: image(), sha: sha() }
}

#[tokio::test]
async fn a_build_is_started_with_all_that_it_needs() {
    let fake = Fake::building(Ok(build(BuildPhase::Running)));
    assert_eq!(perform(&fake, &start_build()).await, Ok(build_is(BuildOutcome::Started)));
    let run = ids::run_name(DEPLOY.0);
    let expected = format!("start web {run} https://example.com/web.git 00-trace");
    assert_eq!(fake.asked(), [expected]);
}

#[tokio::test]
async fn a_build_that_an_earlier_try_started_may_have_ended() {
    let fake = Fake::building(Ok(build(BuildPhase::Succeeded)));
    let expected = build_is(BuildOutcome::Succeeded { image: image() });
    assert_eq!(perform(&fake, &start_build()).await, Ok(expected));
}

#[tokio::test]
async fn a_request_that_can_never_work_fails_the_deploy_with_the_reason() {
    let reason = "there is no namespace paas-builds".to_owned();
    let refused = refusal(&reason);
    let fake = Fake::building(Err(refused.clone()));
    let expected = build_is(BuildOutcome::Failed { reason: reason.clone() });
    assert_eq!(perform(&fake, &start_build()).await, Ok(expected));
    let fake = Fake::rolling_out(Err(refused));
    let expected = rollout_is(RolloutOutcome::Failed { reason });
    assert_eq!(perform(&fake, &roll_out()).await, Ok(expected));
}

#[tokio::test]
async fn a_missing_permission_or_a_lost_connection_is_waited_out() {
    for status in passing_trouble() {
        let fake = Fake::building(Err(status.clone()));
        for step in
            [start_build(), Step::CheckBuild { deploy: DEPLOY }, Step::StopBuild { deploy: DEPLOY }]
        {
            assert!(matches!(perform(&fake, &step).await, Err(Error::Transient(_))), "{step:?}");
        }
        let fake = Fake::rolling_out(Err(status));
        assert!(matches!(perform(&fake, &roll_out()).await, Err(Error::Transient(_))));
    }
}

#[tokio::test]
async fn a_running_build_is_looked_at_again() {
    let fake = Fake::building(Ok(running_since(Timestamp::now())));
    let step = Step::CheckBuild { deploy: DEPLOY };
    assert_eq!(perform(&fake, &step).await, Ok(Finding::Underway));
}

#[tokio::test]
async fn a_build_that_nobody_ended_is_stopped_and_has_failed() {
    let fake = Fake::building(Ok(running_since(Timestamp::UNIX_EPOCH)));
    let reason = "it did not end within 60 s".to_owned();
    let found = perform(&fake, &Step::CheckBuild { deploy: DEPLOY }).await;
    assert_eq!(found, Ok(build_is(BuildOutcome::Failed { reason })));
    let run = ids::run_name(DEPLOY.0);
    assert_eq!(fake.asked(), [format!("get {run}"), format!("stop {run}")]);
}

#[tokio::test]
async fn a_stopped_build_is_reported_when_it_has_ended() {
    let step = Step::StopBuild { deploy: DEPLOY };
    let underway = Fake::building(Ok(running_since(Timestamp::now())));
    assert_eq!(perform(&underway, &step).await, Ok(Finding::Underway));
    let ended = Ok(Finding::Report(Command::ReportStopped { deploy: DEPLOY }));
    for phase in [BuildPhase::Succeeded, BuildPhase::Failed, BuildPhase::Gone] {
        assert_eq!(perform(&Fake::building(Ok(build(phase))), &step).await, ended);
    }
    let stuck = Fake::building(Ok(running_since(Timestamp::UNIX_EPOCH)));
    assert_eq!(perform(&stuck, &step).await, ended, "a line does not wait for it for ever");
}

#[tokio::test]
async fn a_rollout_is_reported_when_it_is_decided() {
    let fake = Fake::rolling_out(Ok(rollout(RolloutPhase::Progressing)));
    assert_eq!(perform(&fake, &roll_out()).await, Ok(Finding::Underway));
    let fake = Fake::rolling_out(Ok(rollout(RolloutPhase::Complete)));
    assert_eq!(perform(&fake, &roll_out()).await, Ok(rollout_is(RolloutOutcome::Complete)));
    let fake = Fake::rolling_out(Ok(rollout(RolloutPhase::Fenced)));
    let outcome = RolloutOutcome::Fenced { found: 9 };
    let command = Command::ReportPutBack { deploy: DEPLOY, generation: 3, outcome };
    assert_eq!(perform(&fake, &put_back()).await, Ok(Finding::Report(command)));
    assert_eq!(fake.asked(), ["put back 3"]);
}

#[tokio::test]
async fn a_rollout_that_kubernetes_never_decides_has_failed() {
    let fake = Fake::rolling_out(Ok(rollout(RolloutPhase::Progressing)));
    let limits = Limits { rollout: Duration::ZERO, ..LIMITS };
    let reason = "not complete within 0 s: 0 of 1 is up".to_owned();
    let found = perform_within(&fake, &roll_out(), limits).await;
    assert_eq!(found, Ok(rollout_is(RolloutOutcome::Failed { reason })));
}

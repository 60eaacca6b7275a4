//! What a cluster's answer means to the line. Nothing here does I/O: what was read goes in, what to report comes out.

use std::time::Duration;

use deploy_domain::{BuildOutcome, Image, RolloutOutcome};
use jiff::Timestamp;
use paas_proto::cluster::{Build, BuildPhase, Rollout, RolloutPhase};

use crate::cluster_port::Error;

/// What a build came to, as far as it is. An answer of a newer protocol is not guessed at.
pub(super) fn of_build(build: &Build) -> Result<BuildOutcome, Error> {
    match build.phase() {
        BuildPhase::Running => Ok(BuildOutcome::Started),
        BuildPhase::Succeeded => Ok(match Image::try_from(build.image.clone()) {
            Ok(image) => BuildOutcome::Succeeded { image },
            Err(error) => {
                BuildOutcome::Failed { reason: format!("it ended well without an image: {error}") }
            }
        }),
        BuildPhase::Failed => Ok(BuildOutcome::Failed { reason: build.reason.clone() }),
        BuildPhase::Gone => Ok(BuildOutcome::Gone),
        BuildPhase::Unspecified => Err(unknown("build", build.phase)),
    }
}

/// What a rollout, or a put-back, came to; nothing while Kubernetes is at it.
pub(super) fn of_rollout(rollout: &Rollout) -> Result<Option<RolloutOutcome>, Error> {
    match rollout.phase() {
        RolloutPhase::Progressing => Ok(None),
        RolloutPhase::Complete => Ok(Some(RolloutOutcome::Complete)),
        RolloutPhase::Failed => Ok(Some(RolloutOutcome::Failed { reason: rollout.reason.clone() })),
        RolloutPhase::Fenced => {
            Ok(Some(RolloutOutcome::Fenced { found: rollout.found_generation }))
        }
        RolloutPhase::NotApplied => {
            Err(Error::Transient("the rollout has not reached the Deployment".to_owned()))
        }
        RolloutPhase::Unspecified => Err(unknown("rollout", rollout.phase)),
    }
}

/// How long ago the API server created the run; nothing where it does not say.
pub(super) fn age(build: &Build, now: Timestamp) -> Option<Duration> {
    let created = build.created_at.as_ref()?;
    let seconds = now.as_second().saturating_sub(created.seconds);
    Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

fn unknown(what: &str, phase: i32) -> Error {
    Error::Transient(format!("the cluster agent answered an unknown phase of a {what}: {phase}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(phase: BuildPhase) -> Build {
        Build { phase: phase.into(), reason: "Failed: exit code 1".to_owned(), ..Build::default() }
    }

    fn rollout(phase: RolloutPhase) -> Rollout {
        Rollout { phase: phase.into(), reason: "0 of 1 is up".to_owned(), found_generation: 9 }
    }

    #[test]
    fn a_build_is_reported_as_it_is() {
        assert_eq!(of_build(&build(BuildPhase::Running)), Ok(BuildOutcome::Started));
        assert_eq!(of_build(&build(BuildPhase::Gone)), Ok(BuildOutcome::Gone));
        let reason = "Failed: exit code 1".to_owned();
        assert_eq!(of_build(&build(BuildPhase::Failed)), Ok(BuildOutcome::Failed { reason }));
        let image = format!("registry/web@sha256:{}", "1".repeat(64));
        let succeeded = Build { image: image.clone(), ..build(BuildPhase::Succeeded) };
        let image = Image::try_from(image).unwrap();
        assert_eq!(of_build(&succeeded), Ok(BuildOutcome::Succeeded { image }));
    }

    #[test]
    fn a_build_without_a_digest_has_failed() {
        let outcome = of_build(&build(BuildPhase::Succeeded)).unwrap();
        assert!(matches!(outcome, BuildOutcome::Failed { reason } if reason.contains("image")));
    }

    #[test]
    fn a_rollout_is_reported_when_it_has_ended() {
        assert_eq!(of_rollout(&rollout(RolloutPhase::Progressing)), Ok(None));
        let ended = [
            (RolloutPhase::Complete, RolloutOutcome::Complete),
            (RolloutPhase::Failed, RolloutOutcome::Failed { reason: "0 of 1 is up".to_owned() }),
            (RolloutPhase::Fenced, RolloutOutcome::Fenced { found: 9 }),
        ];
        for (phase, outcome) in ended {
            assert_eq!(of_rollout(&rollout(phase)), Ok(Some(outcome)));
        }
    }

    #[test]
    fn an_answer_of_a_newer_protocol_is_asked_for_again() {
        for phase in [0, 99] {
            let build = Build { phase, ..Build::default() };
            assert!(matches!(of_build(&build), Err(Error::Transient(_))));
            let rollout = Rollout { phase, ..Rollout::default() };
            assert!(matches!(of_rollout(&rollout), Err(Error::Transient(_))));
        }
    }

    #[test]
    fn the_age_of_a_run_is_that_of_the_api_server() {
        let now = Timestamp::from_second(1_000).unwrap();
        let at = |seconds| prost_types::Timestamp { seconds, nanos: 0 };
        let created = |seconds| Build { created_at: Some(at(seconds)), ..Build::default() };
        assert_eq!(age(&created(400), now), Some(Duration::from_mins(10)));
        assert_eq!(age(&created(1_001), now), Some(Duration::ZERO), "a clock ahead of ours");
        assert_eq!(age(&Build::default(), now), None);
    }
}

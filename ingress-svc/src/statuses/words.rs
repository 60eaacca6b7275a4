//! A deploy in the words of a commit's status.

use git_providers::{Status, StatusState};
use paas_proto::deploys::DeployState;

use crate::store::Shown;

/// How a state is shown; none for one that says nothing about the commit.
pub(super) fn state(state: DeployState) -> Option<StatusState> {
    match state {
        DeployState::Requested
        | DeployState::Building
        | DeployState::Built
        | DeployState::RollingOut
        | DeployState::RollingBack => Some(StatusState::Pending),
        DeployState::Live => Some(StatusState::Success),
        DeployState::Failed => Some(StatusState::Failure),
        DeployState::Superseded | DeployState::Cancelled => Some(StatusState::Cancelled),
        // The deploy that it repeats has the status.
        DeployState::Duplicate | DeployState::Unspecified => None,
    }
}

/// The whole status. What exactly failed is for those who may read the deploy: a status is as public as its repository.
pub(super) fn status(shown: &Shown, state: StatusState, target_url: String) -> Status {
    let description = match state {
        StatusState::Pending => "Deploy underway",
        StatusState::Success => "Live",
        StatusState::Failure => match shown.reason.as_deref().and_then(|why| why.split_once(':')) {
            Some(("build failed", _)) => "The build failed",
            Some(("rollout failed", _)) => "The rollout failed, the release before stays live",
            Some(_) | None => "The deploy failed",
        },
        StatusState::Cancelled if shown.state == DeployState::Superseded.name() => {
            "Superseded by a newer deploy"
        }
        StatusState::Cancelled => "Cancelled",
    };
    Status {
        state,
        context: format!("paas/{}", shown.app_name),
        target_url,
        description: description.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(state: &str, reason: &str) -> Shown {
        Shown {
            tenant: uuid::Uuid::nil(),
            app_name: "shop".to_owned(),
            provider: "github".to_owned(),
            repo: "acme/shop".to_owned(),
            sha: "2".repeat(40),
            state: state.to_owned(),
            source: String::new(),
            reason: Some(reason.to_owned()),
            is_outdated: false,
        }
    }

    #[test]
    fn each_state_is_shown_as_the_provider_knows_it() {
        for (name, expected) in [
            ("requested", Some(StatusState::Pending)),
            ("rolling_back", Some(StatusState::Pending)),
            ("live", Some(StatusState::Success)),
            ("failed", Some(StatusState::Failure)),
            ("superseded", Some(StatusState::Cancelled)),
            ("cancelled", Some(StatusState::Cancelled)),
            ("duplicate", None),
        ] {
            assert_eq!(state(DeployState::from_name(name).unwrap()), expected, "{name}");
        }
    }

    #[test]
    fn a_failure_says_where_and_not_what() {
        let failed = shown("failed", "build failed: step x exited with 1: secret=hunter2");
        let status = status(&failed, StatusState::Failure, "https://paas/1".to_owned());
        assert_eq!((&*status.description, &*status.context), ("The build failed", "paas/shop"));
    }

    #[test]
    fn one_that_was_superseded_says_so() {
        let words =
            |name| status(&shown(name, ""), StatusState::Cancelled, String::new()).description;
        assert_eq!(words("superseded"), "Superseded by a newer deploy");
        assert_eq!(words("cancelled"), "Cancelled");
    }
}

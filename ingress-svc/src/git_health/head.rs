//! Whether the head of the branch is what is live, and if not, where it stopped.

use super::{
    Check,
    facts::{Asked, Facts},
    link::{failed, not_asked, short},
};
use crate::store::CommitsDeploy;

const CHECK: &str = "head";

pub(super) fn head(facts: &Facts) -> Check {
    let head = match &facts.head {
        Asked::Told(Some(head)) => head,
        Asked::Told(None) => return Check::unknown(CHECK, "there is no branch to compare with"),
        Asked::Failed(error) => return failed(CHECK, facts, error),
        Asked::No => return not_asked(CHECK, facts),
    };
    let sha = short(&head.sha);
    let live = facts.source.last_deploy_sha.as_deref();
    if live == Some(head.sha.as_str()) {
        return Check::ok(CHECK, format!("{sha} is live"));
    }
    match (&facts.of_head.deploy, facts.of_head.verdict.as_deref()) {
        (Some(deploy), _) => deployed(facts, sha, deploy),
        (None, Some(verdict)) => filtered(sha, verdict),
        (None, None) => unheard(facts, sha),
    }
}

fn deployed(facts: &Facts, sha: &str, deploy: &CommitsDeploy) -> Check {
    let CommitsDeploy { id, state, reason } = deploy;
    let because = if reason.is_empty() { String::new() } else { format!(": {reason}") };
    match state.as_str() {
        "failed" => Check::problem(
            CHECK,
            format!("the deploy {id} of {sha} failed{because}"),
            format!(
                "see `paas deploy show {id}` and its logs; push a fix, or repeat it: `paas deploy redeploy`"
            ),
        ),
        "cancelled" => Check::warning(
            CHECK,
            format!("the deploy {id} of {sha} was cancelled{because}"),
            "push again, or repeat it: `paas deploy redeploy`",
        ),
        "superseded" => Check::warning(
            CHECK,
            format!("the deploy {id} of {sha} was superseded{because}"),
            "see `paas deploys` for what came in its place",
        ),
        "live" => Check::warning(
            CHECK,
            format!("{sha} was live, and {} is", live(facts)),
            "somebody rolled back: `paas releases` shows it",
        ),
        underway => Check::ok(CHECK, format!("{sha} is on its way: the deploy {id} is {underway}")),
    }
}

fn filtered(sha: &str, verdict: &str) -> Check {
    let because = |message: &str, fix: &str| {
        Check::warning(CHECK, format!("{sha} is not deployed: {message}"), fix)
    };
    match verdict {
        "skipped_by_message" => because(
            "its message asks to be skipped",
            "push a commit without `[skip ci]`, if that was not meant",
        ),
        "no_watched_path" => {
            because("it touches no watched path", "widen watch_paths, if that was not meant")
        }
        "auto_deploy_disabled" => because(
            "auto-deploy was off when it was pushed",
            "resume auto-deploy, then push again or redeploy",
        ),
        "repository_mismatch" => Check::problem(
            CHECK,
            format!(
                "{sha} is not deployed: its push came from another repository than the linked one"
            ),
            "link the app again, if that repository is meant",
        ),
        "unavailable" => Check::problem(
            CHECK,
            format!("the delivery of {sha} was answered 503: the platform was in trouble"),
            "have the provider deliver it again, or wait for the sweep",
        ),
        "queued" | "duplicate" | "unchanged" => {
            Check::ok(CHECK, format!("{sha} is on its way: it was {verdict}"))
        }
        other => because(&format!("its delivery was {other}"), "see `paas git deliveries`"),
    }
}

fn unheard(facts: &Facts, sha: &str) -> Check {
    if facts.source.last_deploy_sha.is_none() && facts.last_delivery.is_none() {
        return Check::warning(
            CHECK,
            format!("{sha} was there when the app was linked, and nothing has been pushed since"),
            "push a commit",
        );
    }
    let fix = match facts.sweep_seconds {
        0 => "have the provider deliver it again, or push another commit (SWEEP_SECONDS is 0: nobody looks)".to_owned(),
        seconds => format!("it is taken in by itself within {seconds} s, if auto-deploy is on and a provider is connected; else have it delivered again"),
    };
    Check::problem(CHECK, format!("no delivery of {sha} has come; {} is live", live(facts)), fix)
}

fn live(facts: &Facts) -> &str {
    facts.source.last_deploy_sha.as_deref().map_or("nothing", short)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{super::State, *};
    use crate::store::OfCommit;

    /// Something older than the head is live.
    fn facts(state: Option<&str>, verdict: Option<&str>) -> Facts {
        let deploy = state.map(|state| CommitsDeploy {
            id: Uuid::nil(),
            state: state.to_owned(),
            reason: "no Dockerfile".to_owned(),
        });
        let mut facts = Facts::example();
        facts.source.last_deploy_sha = Some("2".repeat(40));
        facts.of_head = OfCommit { deploy, verdict: verdict.map(str::to_owned) };
        facts
    }

    #[test]
    fn a_head_that_is_live_is_fine() {
        assert_eq!(head(&Facts::example()).state, State::Ok);
    }

    #[test]
    fn a_head_that_is_not_live_says_where_it_stopped() {
        let failed = head(&facts(Some("failed"), Some("queued")));
        assert_eq!(failed.state, State::Problem);
        assert!(failed.message.contains("no Dockerfile"), "{failed:?}");
        for state in ["requested", "building", "built", "rolling_out"] {
            assert_eq!(head(&facts(Some(state), None)).state, State::Ok, "{state}");
        }
        for state in ["cancelled", "superseded", "live"] {
            assert_eq!(head(&facts(Some(state), None)).state, State::Warning, "{state}");
        }
    }

    #[test]
    fn a_head_that_was_filtered_says_by_what() {
        for (verdict, words) in [
            ("skipped_by_message", "asks to be skipped"),
            ("no_watched_path", "no watched path"),
            ("auto_deploy_disabled", "auto-deploy was off"),
        ] {
            let check = head(&facts(None, Some(verdict)));
            assert_eq!(check.state, State::Warning);
            assert!(check.message.contains(words), "{check:?}");
        }
        assert_eq!(head(&facts(None, Some("repository_mismatch"))).state, State::Problem);
        assert_eq!(head(&facts(None, Some("unavailable"))).state, State::Problem);
        assert_eq!(head(&facts(None, Some("queued"))).state, State::Ok);
    }

    #[test]
    fn a_head_of_which_nobody_told_is_a_problem_unless_it_was_there_from_the_start() {
        assert_eq!(head(&facts(None, None)).state, State::Problem);
        let mut new = facts(None, None);
        (new.source.last_deploy_sha, new.last_delivery) = (None, None);
        assert_eq!(head(&new).state, State::Warning);
    }
}

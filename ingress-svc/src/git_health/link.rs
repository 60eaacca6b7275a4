//! The link itself: its repository, its branch, and who may ask about them.

use git_providers::Error;
use paas_proto::events::Provider;

use super::{
    Check,
    facts::{Asked, Connection, Facts},
};

/// How people call the provider.
pub(super) fn title(provider: Provider) -> &'static str {
    match provider {
        Provider::Github => "GitHub",
        Provider::Gitlab => "GitLab",
        Provider::Forgejo => "Forgejo",
        Provider::Unspecified => "the provider",
    }
}

fn connect(facts: &Facts) -> String {
    format!("connect: `paas git connect {}`", facts.provider.name())
}

/// How to say that the provider did not say.
pub(super) fn failed(check: &'static str, facts: &Facts, error: &Error) -> Check {
    match error {
        Error::Unauthorized { .. } => Check::problem(check, error.to_string(), connect(facts)),
        Error::Forbidden { .. } => Check::problem(
            check,
            error.to_string(),
            "connect with an account, or a token, that may manage the repository's webhooks",
        ),
        Error::NotFound { .. }
        | Error::Moved { .. }
        | Error::HookLimit { .. }
        | Error::RateLimited { .. }
        | Error::Rejected { .. }
        | Error::Refused { .. }
        | Error::Unavailable { .. }
        | Error::Unexpected { .. }
        | Error::NotConfigured => Check::unknown(check, error.to_string()),
    }
}

pub(super) fn source(facts: &Facts) -> Check {
    let (repo, branch) = (&facts.source.repo_full_name, &facts.source.branch);
    Check::ok("source", format!("follows {branch} of {repo} at {}", title(facts.provider)))
}

pub(super) fn connection(facts: &Facts) -> Check {
    const CHECK: &str = "connection";
    let title = title(facts.provider);
    match &facts.connection {
        Connection::Good => Check::ok(CHECK, format!("{title} is connected")),
        Connection::NotOffered => Check::warning(
            CHECK,
            format!(
                "the administrator has not configured {title}: the webhook is entered by hand, and nothing can be compared or repaired"
            ),
            "ask the administrator for it",
        ),
        Connection::Missing => Check::warning(
            CHECK,
            format!(
                "{title} is not connected: the webhook is entered by hand, and nothing can be compared or repaired"
            ),
            format!("{}, then link the app again", connect(facts)),
        ),
        Connection::Refused(because) => Check::problem(
            CHECK,
            format!("{title} refuses the credential: {because}"),
            connect(facts),
        ),
        Connection::Unavailable => Check::unknown(CHECK, format!("{title} cannot be asked now")),
    }
}

pub(super) fn repository(facts: &Facts) -> Check {
    const CHECK: &str = "repository";
    let (title, repo) = (title(facts.provider), &facts.source.repo_full_name);
    let found = match &facts.repository {
        Asked::Told(found) => found,
        Asked::No => return not_asked(CHECK, facts),
        Asked::Failed(Error::NotFound { .. }) => {
            return Check::problem(
                CHECK,
                format!(
                    "{title} has no repository {repo}, or the connected account may not see it"
                ),
                "give the connected account access to it, or link the app to the repository's present name",
            );
        }
        Asked::Failed(Error::Moved { .. }) => {
            return Check::problem(
                CHECK,
                format!("{repo} has another name at {title} now: it was renamed or moved"),
                "link the app to its present name",
            );
        }
        Asked::Failed(error) => return failed(CHECK, facts, error),
    };
    let known = facts.source.repo_id.and_then(|id| u64::try_from(id).ok());
    if known.is_some_and(|known| known != found.id) {
        Check::problem(
            CHECK,
            format!(
                "{repo} is another repository than the one that was linked: its pushes are answered \"repository mismatch\""
            ),
            "link the app again, if this one is meant",
        )
    } else if !found.full_name.eq_ignore_ascii_case(repo) {
        Check::warning(
            CHECK,
            format!("{repo} is called {} now", found.full_name),
            "link the app to its present name, before another repository takes the old one",
        )
    } else if found.may_manage_hooks == Some(false) {
        Check::warning(
            CHECK,
            format!("the connected account may not manage the webhooks of {repo}"),
            "have it made an administrator of the repository (GitLab: maintainer), or connect another account",
        )
    } else {
        Check::ok(CHECK, format!("{repo} is there"))
    }
}

pub(super) fn branch(facts: &Facts) -> Check {
    const CHECK: &str = "branch";
    let branch = &facts.source.branch;
    match &facts.head {
        Asked::Told(Some(head)) => Check::ok(CHECK, format!("{branch} is at {}", short(&head.sha))),
        Asked::Told(None) => {
            let default = facts.repository.told().and_then(|found| found.default_branch.as_deref());
            let default = default.map(|name| format!("; its default branch is {name}"));
            Check::problem(
                CHECK,
                format!("the repository has no branch {branch}{}", default.unwrap_or_default()),
                "push the branch, or link the app to another one",
            )
        }
        Asked::Failed(error) => failed(CHECK, facts, error),
        Asked::No => not_asked(CHECK, facts),
    }
}

pub(super) fn auto_deploy(facts: &Facts) -> Check {
    const CHECK: &str = "auto_deploy";
    if let Some(rollback) = facts.source.auto_deploy_paused_by {
        Check::warning(
            CHECK,
            format!("the rollback {rollback} paused it: pushes are not deployed"),
            "resume it: `paas releases resume`",
        )
    } else if facts.source.auto_deploy_enabled {
        Check::ok(CHECK, "pushes are deployed")
    } else {
        Check::warning(
            CHECK,
            "it is switched off: pushes are not deployed",
            "link the app with auto_deploy_enabled",
        )
    }
}

/// Where there is no connection, that is said once; where the repository did not answer, that is.
pub(super) fn not_asked(check: &'static str, facts: &Facts) -> Check {
    match facts.connection {
        Connection::Missing | Connection::NotOffered => {
            Check::warning(check, "not checked: nobody is connected who could ask", connect(facts))
        }
        Connection::Good | Connection::Refused(_) | Connection::Unavailable => {
            Check::unknown(check, "not checked: the provider did not answer")
        }
    }
}

/// As people write a commit.
pub(super) fn short(sha: &str) -> &str {
    sha.get(..12).unwrap_or(sha)
}

#[cfg(test)]
mod tests {
    use super::{super::State, *};

    const PROVIDER: &str = "GitHub";

    #[test]
    fn a_repository_that_is_gone_renamed_or_replaced_is_named() {
        let gone = Error::NotFound { provider: PROVIDER, what: "repository" };
        let check = repository(&Facts::example().with_repository(gone));
        assert_eq!(check.state, State::Problem);
        assert!(check.message.contains("no repository acme/shop"), "{check:?}");

        let moved = Error::Moved { provider: PROVIDER, what: "repository" };
        let check = repository(&Facts::example().with_repository(moved));
        assert!(check.message.contains("renamed or moved"), "{check:?}");

        let mut other = Facts::example();
        other.source.repo_id = Some(8);
        let check = repository(&other);
        assert_eq!(check.state, State::Problem);
        assert!(check.message.contains("repository mismatch"), "{check:?}");
    }

    #[test]
    fn an_account_without_rights_is_named() {
        let mut facts = Facts::example();
        if let Asked::Told(found) = &mut facts.repository {
            found.may_manage_hooks = Some(false);
        }
        assert_eq!(repository(&facts).state, State::Warning);
    }

    #[test]
    fn a_provider_that_does_not_answer_leaves_it_open() {
        let away = Error::Unavailable { provider: PROVIDER, because: "no connection".to_owned() };
        let facts = Facts::example().with_repository(away);
        assert_eq!(repository(&facts).state, State::Unknown);
        assert_eq!(branch(&facts).state, State::Unknown);
    }

    #[test]
    fn a_connection_is_missing_refused_or_good() {
        let with = |connection| connection_of(connection).state;
        assert_eq!(with(Connection::Good), State::Ok);
        assert_eq!(with(Connection::Missing), State::Warning);
        assert_eq!(with(Connection::NotOffered), State::Warning);
        assert_eq!(with(Connection::Refused("expired".to_owned())), State::Problem);
        assert_eq!(with(Connection::Unavailable), State::Unknown);
    }

    fn connection_of(connection: Connection) -> Check {
        super::connection(&Facts { connection, ..Facts::example() })
    }

    #[test]
    fn a_branch_that_is_not_there_is_named_beside_the_default_one() {
        let check = branch(&Facts { head: Asked::Told(None), ..Facts::example() });
        assert_eq!(check.state, State::Problem);
        assert!(check.message.contains("default branch is main"), "{check:?}");
    }

    #[test]
    fn switched_off_and_paused_are_told_apart() {
        let mut facts = Facts::example();
        assert_eq!(auto_deploy(&facts).state, State::Ok);
        facts.source.auto_deploy_enabled = false;
        assert!(auto_deploy(&facts).message.contains("switched off"));
        facts.source.auto_deploy_paused_by = Some(uuid::Uuid::nil());
        assert!(auto_deploy(&facts).message.contains("rollback"));
    }
}

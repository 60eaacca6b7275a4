//! What becomes of an authentic push: a pure function of the app's source row and the push. The order of its questions
//! is the contract's.

use crate::{delivery::Push, filters, store::Source};

/// What becomes of a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Another repository than the linked one.
    RepositoryMismatch,
    /// The branch is gone.
    BranchDeleted,
    /// Another branch, or a tag.
    BranchMismatch,
    /// Somebody switched it off, or a rollback paused it.
    AutoDeployDisabled,
    /// The head commit's message says so.
    SkippedByMessage,
    /// Nothing that the app watches has changed.
    NoWatchedPath,
    /// The commit is live and the app is idle. It is published all the same: what is true now need not be when the
    /// push's turn comes, and the deployer decides in order.
    Unchanged,
    /// A deploy.
    Deploy,
}

impl Verdict {
    /// Judges a push.
    pub(crate) fn of(source: &Source, push: &Push) -> Self {
        if !is_linked_repository(source, push) {
            Self::RepositoryMismatch
        } else if push.deleted {
            Self::BranchDeleted
        } else if push.branch() != Some(source.branch.as_str()) {
            Self::BranchMismatch
        } else if !source.auto_deploy {
            Self::AutoDeployDisabled
        } else if push.asks_to_skip {
            Self::SkippedByMessage
        } else if !filters::is_watched(&source.watch_paths, push) {
            Self::NoWatchedPath
        } else if source.last_deploy_sha.as_deref() == Some(push.after.as_str()) && !source.underway
        {
            Self::Unchanged
        } else {
            Self::Deploy
        }
    }
}

/// Once the numeric id is known it decides: a repository may be renamed, and another may take its name.
fn is_linked_repository(source: &Source, push: &Push) -> bool {
    match (source.repo_id, push.repo_id) {
        (Some(known), Some(sent)) => u64::try_from(known) == Ok(sent),
        (None, _) | (_, None) => source.repo_full_name.eq_ignore_ascii_case(&push.repo),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: &str = "2222222222222222222222222222222222222222";

    fn source() -> Source {
        Source { repo_id: Some(7), ..Source::example() }
    }

    fn push() -> Push {
        Push::example()
    }

    #[test]
    fn a_push_to_the_branch_is_deployed() {
        assert_eq!(Verdict::of(&source(), &push()), Verdict::Deploy);
    }

    #[test]
    fn a_renamed_repository_is_the_same_one() {
        let renamed = Push { repo: "acme/store".to_owned(), ..push() };
        assert_eq!(Verdict::of(&source(), &renamed), Verdict::Deploy);
    }

    #[test]
    fn a_repository_that_took_the_name_is_another_one() {
        let impostor = Push { repo_id: Some(8), ..push() };
        assert_eq!(Verdict::of(&source(), &impostor), Verdict::RepositoryMismatch);
    }

    #[test]
    fn the_name_decides_until_the_id_is_known() {
        let new = Source { repo_id: None, ..source() };
        let shouted = Push { repo: "Acme/Shop".to_owned(), ..push() };
        assert_eq!(Verdict::of(&new, &shouted), Verdict::Deploy);
        let other = Push { repo: "acme/other".to_owned(), ..push() };
        assert_eq!(Verdict::of(&new, &other), Verdict::RepositoryMismatch);
        let nameless = Push { repo_id: None, ..push() };
        assert_eq!(Verdict::of(&source(), &nameless), Verdict::Deploy);
    }

    #[test]
    fn a_deleted_branch_deploys_nothing_whichever_it_was() {
        let deleted = Push { deleted: true, reference: "refs/heads/old".to_owned(), ..push() };
        assert_eq!(Verdict::of(&source(), &deleted), Verdict::BranchDeleted);
    }

    #[test]
    fn another_branch_and_a_tag_of_the_same_name_deploy_nothing() {
        for reference in ["refs/heads/dev", "refs/heads/Main", "refs/tags/main", "main"] {
            let elsewhere = Push { reference: reference.to_owned(), ..push() };
            assert_eq!(Verdict::of(&source(), &elsewhere), Verdict::BranchMismatch, "{reference}");
        }
    }

    #[test]
    fn switched_off_comes_before_unchanged() {
        let off =
            Source { auto_deploy: false, last_deploy_sha: Some(AFTER.to_owned()), ..source() };
        assert_eq!(Verdict::of(&off, &push()), Verdict::AutoDeployDisabled);
    }

    #[test]
    fn a_live_commit_is_unchanged_only_while_the_app_is_idle() {
        let idle = Source { last_deploy_sha: Some(AFTER.to_owned()), ..source() };
        assert_eq!(Verdict::of(&idle, &push()), Verdict::Unchanged);
        let busy = Source { underway: true, ..idle };
        assert_eq!(Verdict::of(&busy, &push()), Verdict::Deploy);
    }

    #[test]
    fn the_filters_come_after_auto_deploy_and_before_the_commit() {
        let watching = Source {
            watch_paths: vec!["src/**".to_owned()],
            last_deploy_sha: Some(AFTER.to_owned()),
            ..source()
        };
        let elsewhere = Push { changed_paths: vec!["README.md".to_owned()], ..push() };
        assert_eq!(Verdict::of(&watching, &elsewhere), Verdict::NoWatchedPath);
        let asking = Push { asks_to_skip: true, ..elsewhere };
        assert_eq!(Verdict::of(&watching, &asking), Verdict::SkippedByMessage);
        let off = Source { auto_deploy: false, ..watching };
        assert_eq!(Verdict::of(&off, &asking), Verdict::AutoDeployDisabled);
    }
}

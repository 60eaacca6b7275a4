//! What becomes of an authentic push: a pure function of the app's source row and the push. The order of its questions
//! is the contract's.

use crate::{delivery::Push, metrics, store::Source};

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
        } else if source.last_deploy_sha.as_deref() == Some(push.after.as_str()) && !source.underway
        {
            Self::Unchanged
        } else {
            Self::Deploy
        }
    }

    /// As it is counted, and named in the logs.
    pub(crate) fn counted(self) -> metrics::Verdict {
        match self {
            Self::RepositoryMismatch => metrics::Verdict::RepositoryMismatch,
            Self::BranchDeleted => metrics::Verdict::BranchDeleted,
            Self::BranchMismatch => metrics::Verdict::BranchMismatch,
            Self::AutoDeployDisabled => metrics::Verdict::AutoDeployDisabled,
            Self::Unchanged => metrics::Verdict::Unchanged,
            Self::Deploy => metrics::Verdict::Queued,
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
    use crate::store::Credentials;

    const AFTER: &str = "2222222222222222222222222222222222222222";

    fn source() -> Source {
        Source {
            repo_full_name: "acme/shop".to_owned(),
            repo_id: Some(7),
            clone_url: String::new(),
            branch: "main".to_owned(),
            auto_deploy: true,
            last_deploy_sha: None,
            underway: false,
            credentials: Credentials {
                webhook_secret: Vec::new(),
                signing_token: None,
                signing_required: false,
            },
            earlier: None,
        }
    }

    fn push() -> Push {
        Push {
            repo: "acme/shop".to_owned(),
            repo_id: Some(7),
            reference: "refs/heads/main".to_owned(),
            before: "1".repeat(40).parse().unwrap(),
            after: AFTER.parse().unwrap(),
            deleted: false,
            pushed_at: None,
            changed_paths: Vec::new(),
            paths_truncated: false,
        }
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
}

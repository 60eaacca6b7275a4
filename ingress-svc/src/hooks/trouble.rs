//! Why a webhook is not as it should be yet, and what that means to whoever asked.

use std::time::Duration;

use git_providers::Error as ProviderError;

use crate::{connections::NoSession, secrets, store};

/// How long to wait where nobody says.
const WAIT: Duration = Duration::from_secs(10);

/// Why something is unfinished.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    /// The provider says so.
    #[error("{0}")]
    Provider(#[from] ProviderError),
    /// The account may not manage webhooks.
    #[error("managing webhooks of {repo} needs the role {role}: connect an account that has it")]
    Role {
        /// Of which.
        repo: String,
        /// Which.
        role: &'static str,
    },
    /// The provider cannot be asked.
    #[error("{0}")]
    Session(#[from] NoSession),
    /// The database is in trouble.
    #[error("the platform's database does not answer")]
    Store(#[from] store::Error),
    /// A secret does not open.
    #[error("a sealed secret does not open")]
    Secrets(#[from] secrets::Error),
    /// Somebody else is changing the same app's webhook.
    #[error("the webhook of this app is being changed by another request")]
    Busy,
    /// The provider takes too long.
    #[error("the provider takes too long")]
    OutOfTime,
    /// The process is going down.
    #[error("the platform is being restarted")]
    Gone,
}

/// What somebody who asked can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Wait for so long, or for the platform, which goes on trying.
    Later(Duration),
    /// Change something else first: connect again, remove a webhook.
    Conflict,
    /// Ask for something else: the repository is not there, or not the account's.
    Impossible,
    /// Connect.
    NotConnected,
}

impl Trouble {
    pub(super) fn gone(_: tokio::task::JoinError) -> Self {
        Self::Gone
    }

    /// What it means.
    pub(crate) fn verdict(&self) -> Verdict {
        match self {
            Self::Provider(error) => of_provider(error),
            Self::Role { .. } => Verdict::Impossible,
            Self::Session(NoSession::NotConnected) => Verdict::NotConnected,
            Self::Session(NoSession::Refused(_)) => Verdict::Conflict,
            Self::Session(NoSession::Unavailable(_))
            | Self::Store(_)
            | Self::Secrets(_)
            | Self::Busy
            | Self::OutOfTime
            | Self::Gone => Verdict::Later(WAIT),
        }
    }

    /// For people: what is wrong, and what to do.
    pub(crate) fn advice(&self) -> String {
        match self {
            Self::Session(NoSession::Refused(because)) => {
                format!("{because}; connect the provider again, then repeat the request")
            }
            Self::Session(NoSession::NotConnected) => "the provider is not connected".to_owned(),
            Self::Session(NoSession::Unavailable(_)) => {
                "the provider cannot be asked now".to_owned()
            }
            Self::Provider(_)
            | Self::Role { .. }
            | Self::Store(_)
            | Self::Secrets(_)
            | Self::Busy
            | Self::OutOfTime
            | Self::Gone => self.to_string(),
        }
    }
}

fn of_provider(error: &ProviderError) -> Verdict {
    match error {
        ProviderError::Unauthorized { .. }
        | ProviderError::Refused { .. }
        | ProviderError::HookLimit { .. } => Verdict::Conflict,
        ProviderError::Forbidden { .. }
        | ProviderError::NotFound { .. }
        | ProviderError::Moved { .. }
        | ProviderError::Rejected { .. }
        | ProviderError::NotConfigured => Verdict::Impossible,
        ProviderError::RateLimited { retry_after, .. } => Verdict::Later(*retry_after),
        ProviderError::Unavailable { .. } | ProviderError::Unexpected { .. } => {
            Verdict::Later(WAIT)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_waited_for_and_what_does_not_is_said() {
        let provider = "GitHub";
        let retry_after = Duration::from_mins(3);
        let limited = Trouble::from(ProviderError::RateLimited { provider, retry_after });
        assert_eq!(limited.verdict(), Verdict::Later(retry_after));
        let full = Trouble::from(ProviderError::HookLimit { provider });
        assert_eq!(full.verdict(), Verdict::Conflict);
        assert!(full.advice().contains("remove one"));
        let gone = Trouble::from(ProviderError::NotFound { provider, what: "repository" });
        assert_eq!(gone.verdict(), Verdict::Impossible);
        let refused = Trouble::from(NoSession::Refused("expired".to_owned()));
        assert_eq!(refused.verdict(), Verdict::Conflict);
        assert!(refused.advice().contains("connect the provider again"));
    }
}

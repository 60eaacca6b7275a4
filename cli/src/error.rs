//! What can go wrong, for the person at the terminal: what happened, what to do next, and with which code we end.

use std::io;

use crate::exit::Exit;

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The command line or a setting is wrong, by our rules or the platform's.
    #[error("{0}")]
    Usage(String),
    #[error("there is no token")]
    NoToken,
    #[error("the platform does not take this token: {0}")]
    NotAuthorised(String),
    /// The token is good, but not for this.
    #[error("the token may not do this: {0}")]
    Forbidden(String),
    #[error("{0}")]
    NotFound(String),
    #[error("cannot reach the platform at {url}: {cause}")]
    Unreachable { url: String, cause: String },
    /// It answers, but not now.
    #[error("the platform cannot answer now: {0}")]
    Unavailable(String),
    #[error("the platform refuses: {0}")]
    Refused(String),
    #[error("unexpected answer of the platform: {0}")]
    Unexpected(String),
    /// A replay has to be confirmed, and there is nobody to ask.
    #[error("nothing was taken in: this was a dry run")]
    NotConfirmed,
    /// Something that cannot be undone has to be confirmed, and there is nobody to ask.
    #[error("nothing was deleted: nobody could be asked")]
    NobodyToAsk,
    /// The admin has not set it up, so that no second attempt helps.
    #[error("{0}")]
    NotSetUp(String),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

impl Error {
    /// What to do about it.
    pub(crate) fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Usage(_) => "`paas help <command>` tells how it is used",
            Self::NoToken => {
                "run `paas login`, or set PAAS_TOKEN, or give --token-file (a file with mode 600)"
            }
            Self::NotAuthorised(_) => {
                "run `paas login` with a token of this platform; PAAS_TOKEN and --token-file go before what it stores"
            }
            Self::Forbidden(_) => {
                "`paas whoami` tells what the token may do; an admin makes another: `paas tokens create <name> --scope …`"
            }
            Self::NotFound(_) => {
                "`paas apps list` shows the apps, `paas deploys <app>` an app's deploys; `paas whoami` tells whose"
            }
            Self::Unreachable { .. } => "is it running, and is --url (or PAAS_URL) right?",
            Self::Unavailable(_) => "nothing is lost; try again in a minute",
            Self::Refused(_) | Self::Output(_) => return None,
            Self::Unexpected(_) => "is --url (or PAAS_URL) the address of the platform's API?",
            Self::NotConfirmed => "add --yes to take them in, or --dry-run to only look",
            Self::NobodyToAsk => "add --yes to delete it",
            Self::NotSetUp(_) => {
                "use a personal access token (--pat-file), or link by hand: `paas git link` shows what to enter"
            }
        })
    }

    /// The code to end with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::NotConfirmed | Self::NobodyToAsk => Exit::Usage,
            Self::NoToken | Self::NotAuthorised(_) | Self::Forbidden(_) => Exit::NotAuthorised,
            Self::NotFound(_) => Exit::NotFound,
            Self::Unreachable { .. } | Self::Unavailable(_) => Exit::Unavailable,
            Self::Refused(_) | Self::NotSetUp(_) => Exit::Refused,
            Self::Unexpected(_) | Self::Output(_) => Exit::Other,
        }
    }

    /// Whether it may pass by itself.
    pub(crate) fn is_passing(&self) -> bool {
        self.exit() == Exit::Unavailable
    }

    /// Whether nobody reads what we write any more, which needs no word of ours.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

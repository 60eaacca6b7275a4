//! With which code the program ends: a promise to scripts.

use std::process::ExitCode;

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done; a deploy that was watched is live.
    Done = 0,
    /// The deploy that was watched ended without going live, or the git health of an app is not well.
    NotWell = 1,
    /// The command line, a setting or a value in it is wrong.
    Usage = 2,
    /// There is no token, the platform does not take it, or its scope does not reach so far.
    NotAuthorised = 3,
    /// There is no such app, deploy, token or whatever else was named.
    NotFound = 4,
    /// The platform cannot be reached, or cannot answer now.
    Unavailable = 5,
    /// The platform refuses: the state of things does not allow it.
    Refused = 6,
    /// Anything else, for instance an answer that nobody understands.
    Other = 7,
}

/// The same for people; at the end of the help.
pub(crate) const TABLE: &str = "\
Exit codes:
  0  done; a deploy that was watched is live
  1  the deploy that was watched failed, or was superseded or cancelled; `git health` found a problem
  2  the command line, a setting or a value in it is wrong
  3  there is no token, the platform does not take it, or its scope does not reach so far
  4  there is no such app, deploy, token or whatever else was named
  5  the platform cannot be reached, or cannot answer now: try again
  6  the platform refuses: the state of things does not allow it
  7  anything else";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_in_the_table() {
        for code in Exit::Done as u8..=Exit::Other as u8 {
            assert!(TABLE.contains(&format!("\n  {code}  ")), "{code}");
        }
    }
}

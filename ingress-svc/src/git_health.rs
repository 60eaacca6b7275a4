//! Why nothing happens when somebody pushes: facts from the database and the provider, judged one by one. Each check
//! says what is wrong and what to do about it.

mod facts;
mod head;
mod link;
mod webhook;

use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use facts::Facts;

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum State {
    /// As it should be.
    Ok,
    /// Pushes can go live, or somebody does not want them to.
    Warning,
    /// A push does not go live.
    Problem,
    /// Not to be found out now.
    Unknown,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = GitCheck)]
pub(crate) struct Check {
    /// What was looked at: `source`, `connection`, `repository`, `branch`, `webhook`, `deliveries`, `auto_deploy` or `head`.
    #[serde(rename = "check")]
    name: &'static str,
    state: State,
    /// How it is.
    message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Check {
    fn ok(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, state: State::Ok, message: message.into(), fix: None }
    }

    fn unknown(name: &'static str, message: impl Into<String>) -> Self {
        Self { name, state: State::Unknown, message: message.into(), fix: None }
    }

    fn warning(name: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, state: State::Warning, message: message.into(), fix: Some(fix.into()) }
    }

    fn problem(name: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { name, state: State::Problem, message: message.into(), fix: Some(fix.into()) }
    }
}

/// Whether a push would go live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Health {
    /// Whether no check found a problem, and all could be made.
    healthy: bool,
    checks: Vec<Check>,
}

/// Judges an app's facts; `None` is an app without a source.
pub(crate) fn judge(facts: Option<&Facts>) -> Health {
    let checks = match facts {
        None => vec![Check::problem(
            "source",
            "the app is not linked to a repository",
            "link it: `paas git link`",
        )],
        Some(facts) => vec![
            link::source(facts),
            link::connection(facts),
            link::repository(facts),
            link::branch(facts),
            webhook::webhook(facts),
            webhook::deliveries(facts),
            link::auto_deploy(facts),
            head::head(facts),
        ],
    };
    let is_fine = |check: &Check| matches!(check.state, State::Ok | State::Warning);
    Health { healthy: checks.iter().all(is_fine), checks }
}

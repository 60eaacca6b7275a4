//! Places at which a test may end the process, as a power cut would. They exist with the feature `failpoints` only.
//!
//! | name | what is done, and what is not |
//! |---|---|
//! | `runner::leased` | a line is leased; no step of it has begun |
//! | `runner::<step>::before_effect` | the state is committed; the cluster has not been asked |
//! | `runner::<step>::after_effect` | the cluster has done it; nothing of that is recorded |
//! | `runner::<step>::reported` | the report is committed; the next step has not begun |
//!
//! `<step>` is `start_build`, `check_build`, `stop_build`, `roll_out` or `put_back`.

use deploy_domain::Step;

/// The name of the kind of step, also for spans.
pub(super) fn name(step: &Step) -> &'static str {
    match step {
        Step::StartBuild { .. } => "start_build",
        Step::CheckBuild { .. } => "check_build",
        Step::StopBuild { .. } => "stop_build",
        Step::RollOut { .. } => "roll_out",
        Step::PutBack { .. } => "put_back",
    }
}

pub(super) fn leased() {
    fail::fail_point!("runner::leased", |_| crate::failpoints::crash());
}

pub(super) fn before_effect(step: &Step) {
    at(step, "before_effect");
}

pub(super) fn after_effect(step: &Step) {
    at(step, "after_effect");
}

pub(super) fn reported(step: &Step) {
    at(step, "reported");
}

#[cfg_attr(
    not(feature = "failpoints"),
    expect(unused_variables, reason = "without the feature there is nothing to name")
)]
fn at(step: &Step, place: &str) {
    fail::fail_point!(&format!("runner::{}::{place}", name(step)), |_| crate::failpoints::crash());
}

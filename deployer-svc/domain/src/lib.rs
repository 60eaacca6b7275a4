//! The rules of an app's line of deploys, in three pure functions.
//!
//! - [`decide()`]: what a command changes, or why it is refused.
//! - [`evolve()`]: the state after an event; the state is the fold of the events.
//! - [`plan()`]: what to do next. It depends on the state alone, so a restart and a normal run are the same code path.
//!
//! There is no I/O, no clock, no randomness and no async here. The shell commits the events and the folded state in
//! one transaction and acts only on what is committed.

mod command;
mod decide;
mod event;
mod evolve;
mod line;
mod names;
mod plan;
mod push;

pub use command::{BuildOutcome, Command, PutBackOutcome, Rejection, RolloutOutcome};
pub use decide::decide;
pub use event::{Event, FailedStage, Summary};
pub use evolve::{evolve, fold};
pub use line::{AutoDeploy, Deploy, Ending, Line, Release, Stage};
pub use names::{DeployId, Image, InvalidName, Sha, Source};
pub use plan::{Step, plan};
pub use push::{Mark, Origin, Place, Push};

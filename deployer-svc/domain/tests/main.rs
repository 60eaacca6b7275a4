//! The rules by name, random schedules against the invariants, and every shape of event ever recorded.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod recorded;
mod rules;
mod schedules;
mod words;

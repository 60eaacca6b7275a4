//! What holds for the protocol as a whole: nothing that was ever committed changes its meaning (`compatibility`), and
//! all of it is written alike (`style`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod compatibility;
mod descriptor;
mod recorded;
mod sources;
mod style;

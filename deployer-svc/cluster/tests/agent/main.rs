//! The agent against a fake API server beneath the real client: the tests hold the bytes that are sent.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod builds;
mod clone_secret;
mod fake;
mod orders;
mod permissions;
mod rollouts;
mod watch;

//! What needs real servers: one binary, a database and a stream prefix for each test, no sleeps and no retries.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod aftermath;
mod crashes;
mod dev_stack;
mod invariants;
mod outcomes;
mod replicas;
mod servers;
mod smoke;
mod webhook;

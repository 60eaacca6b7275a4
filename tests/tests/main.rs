//! What needs real servers: one binary, a database and a stream prefix for each test, no sleeps and no retries.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod servers;

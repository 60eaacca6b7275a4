//! What needs real servers: one binary, a database and a stream prefix for each test, no sleeps and no retries.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod aftermath;
mod cluster_agent;
mod commands;
mod crashes;
mod deployer_grpc;
mod dev_stack;
mod force_push;
mod identity;
mod invariants;
mod order;
mod outcomes;
mod outages;
mod replicas;
mod servers;
mod smoke;
mod webhook;

//! What needs real servers: one binary, a database and a stream prefix for each test, no sleeps and no retries.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod aftermath;
mod callbacks;
mod cluster_agent;
mod commands;
mod crashes;
mod deployer_grpc;
mod dev_stack;
mod force_push;
mod identity;
mod invariants;
mod management;
mod order;
mod outages;
mod outcomes;
mod readiness;
mod replay;
mod replicas;
mod servers;
mod smoke;
mod webhook;

//! What needs real servers: one binary, a database and a stream prefix for each test, no sleeps and no retries.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod aftermath;
mod callbacks;
mod cluster_agent;
mod commands;
mod crashes;
mod dead_letters;
mod deployer_grpc;
mod deployment;
mod dev_stack;
mod doctor;
mod force_push;
mod identity;
mod invariants;
mod load_balancer;
mod management;
mod manifests;
mod observability;
mod order;
mod outages;
mod outcomes;
mod paas;
mod poison;
mod readiness;
mod replay;
mod replicas;
mod restore;
mod servers;
mod smoke;
mod telemetry;
mod upgrade;
mod upgrade_takeover;
mod webhook;

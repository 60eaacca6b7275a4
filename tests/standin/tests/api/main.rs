//! The stand-in over HTTP, held to what real servers were seen to do.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod answers;
mod applying;
mod cluster;
mod kube_client;
mod owners;
mod pod_logs;
mod recorded;
mod restarts;
mod rollouts;
mod runs;
mod switches;

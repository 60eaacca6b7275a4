//! Skeleton.

pub mod failpoints;
pub mod intake;
pub mod rebuild;
pub mod relay;
pub mod schema;
pub mod store;
pub mod streams;

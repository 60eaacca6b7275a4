//! One file a command: what it takes, what it asks the platform, what it tells.

pub(crate) mod dead_letters;
pub(crate) mod deploy;
pub(crate) mod deploys;
mod moment;
pub(crate) mod replay;

/// Pages of the platform hold no more.
const LARGEST_PAGE: usize = 200;

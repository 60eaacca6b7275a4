//! The subcommands of `paas-dev`, one a file.

pub(crate) mod down;
pub(crate) mod servers;
pub(crate) mod up;

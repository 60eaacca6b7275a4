//! The subcommands of `paas-dev`, one a file.

pub(crate) mod bench;
pub(crate) mod deliver;
pub(crate) mod demo;
pub(crate) mod down;
pub(crate) mod power_loss;
pub(crate) mod servers;
pub(crate) mod up;

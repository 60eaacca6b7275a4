//! Logs: what builds say is kept, and an app's timeline is told.
//!
//! `keeper` finds the builds that nobody follows, `follower` reads one of them from the cluster into the database,
//! `chunk` packs lines. `timeline` brings the recorded events, the kept build lines and the app's own lines together
//! (`queues` orders them, `app` reads the last from the cluster, `line` puts events into words), and `cursor` says how
//! far somebody has read. Nothing here ever holds up a deploy.

mod app;
mod chunk;
mod cursor;
mod follower;
mod keeper;
mod line;
mod queues;
mod timeline;

use std::time::Duration;

pub(crate) use cursor::{Cursor, InvalidCursor};
pub(crate) use keeper::Keeper;
pub(crate) use line::{Line, Source};
pub(crate) use timeline::{Error, Order, Timelines};

/// How long what builds say is kept.
#[derive(Debug, Clone, Copy, clap::Args)]
#[group(skip)]
pub struct Settings {
    /// Days that the logs of builds are kept
    #[arg(long, env, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..))]
    pub build_logs_kept_days: u32,
}

impl Settings {
    pub(crate) fn kept(self) -> Duration {
        Duration::from_hours(24).saturating_mul(self.build_logs_kept_days)
    }
}

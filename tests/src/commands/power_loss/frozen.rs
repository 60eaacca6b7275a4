//! All processes of a server, stopped at one moment: Postgres has one for each client.

use std::{path::Path, time::Duration};

use anyhow::{Context as _, Result};
use e2e::wait;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// A frozen server; killed when dropped, since nobody else would end its children.
#[derive(Debug)]
pub(super) struct Frozen(Vec<Pid>);

impl Frozen {
    /// Freezes a process and its children.
    pub(super) async fn server(pid: i32) -> Result<Self> {
        // The parent first: then no more are born.
        let mut frozen = Self(Vec::new());
        frozen.freeze(pid).await?;
        for child in children_of(pid)? {
            frozen.freeze(child).await?;
        }
        Ok(frozen)
    }

    async fn freeze(&mut self, pid: i32) -> Result<()> {
        let process = Pid::from_raw(pid);
        self.0.push(process);
        kill(process, Signal::SIGSTOP).with_context(|| format!("freeze process {pid}"))?;
        wait::until("a frozen process", PATIENCE, || async {
            Ok(matches!(status(pid)?.0.as_str(), "T" | "Z").then_some(()))
        })
        .await
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            // One that is gone is what we want.
            let _ = kill(*pid, Signal::SIGKILL);
        }
    }
}

fn children_of(parent: i32) -> Result<Vec<i32>> {
    let entries = std::fs::read_dir("/proc")?.flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(pids.filter(|pid| status(*pid).is_ok_and(|(_, of)| of == parent)).collect())
}

/// State and parent of a process.
fn status(pid: i32) -> Result<(String, i32)> {
    let text = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat"))?;
    // The name before may hold anything, parentheses too.
    let (_, rest) = text.rsplit_once(')').context("no name")?;
    let mut fields = rest.split_whitespace();
    let state = fields.next().context("no state")?.to_owned();
    Ok((state, fields.next().context("no parent")?.parse()?))
}

//! The memory that the services hold while something is measured.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anstream::println;
use anyhow::{Context as _, Result};
use e2e::stack::Stack;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_millis(250);

/// Of each service, in KiB.
pub(super) type Memory = BTreeMap<String, Resident>;

/// What was resident.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resident {
    first: u64,
    most: u64,
    last: u64,
}

/// Looks at the services of a stack until it is told to finish.
pub(super) struct Watch {
    stop: CancellationToken,
    task: JoinHandle<Result<Memory>>,
}

impl Watch {
    pub(super) fn start(stack: &Stack) -> Self {
        let (stop, pids) = (CancellationToken::new(), PathBuf::from(stack.setting("PIDS")));
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let mut memory = Memory::new();
            while !stopped.is_cancelled() {
                for (service, resident) in look(&pids)? {
                    let seen = memory.entry(service);
                    let seen = seen.or_insert(Resident { first: resident, most: 0, last: 0 });
                    seen.most = seen.most.max(resident);
                    seen.last = resident;
                }
                stopped.run_until_cancelled(sleep(EVERY)).await;
            }
            Ok(memory)
        });
        Self { stop, task }
    }

    pub(super) async fn finish(self) -> Result<Memory> {
        self.stop.cancel();
        self.task.await?
    }
}

/// A line a service.
pub(super) fn print(memory: &Memory) {
    for (service, Resident { first, most, last }) in memory {
        let [first, most, last] = [first, most, last].map(|kib| kib / 1024);
        println!("  {service:<12} {first} MiB at first, {most} at most, {last} at last");
    }
}

fn look(pids: &PathBuf) -> Result<Vec<(String, u64)>> {
    let text = std::fs::read_to_string(pids).with_context(|| format!("{}", pids.display()))?;
    let processes = text.lines().filter_map(|line| line.split_once('='));
    let services =
        processes.filter(|(name, _)| name.starts_with("ingress") || name.starts_with("deployer"));
    // One that has just ended has none.
    Ok(services.filter_map(|(name, pid)| Some((name.to_owned(), resident(pid)?))).collect())
}

fn resident(pid: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().split(' ').next()?.parse().ok()
}

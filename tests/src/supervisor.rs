//! Keeps processes running as an orchestrator would: one that ends is started again after a second, until all are told
//! to stop. The list of process ids in a file is kept current.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::Result;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    keys,
    process::{Process, Spec},
};

const RESTART_PAUSE: Duration = Duration::from_secs(1);
/// Above the services' own deadline for draining.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// What runs now, and where that is written down.
#[derive(Debug, Clone)]
struct Pids {
    file: PathBuf,
    running: Arc<Mutex<BTreeMap<String, i32>>>,
}

impl Pids {
    fn set(&self, name: &str, pid: Option<i32>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match pid {
            Some(pid) => running.insert(name.to_owned(), pid),
            None => running.remove(name),
        };
        let text = keys::lines(running.iter());
        if let Err(error) = keys::write_private(&self.file, &text) {
            warn!(%error, "cannot write the list of process ids");
        }
    }
}

/// One supervised process.
#[derive(Debug)]
struct Kept {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

/// Supervised processes, in the order in which they were started.
#[derive(Debug)]
pub struct Supervisor {
    pids: Pids,
    kept: Vec<Kept>,
}

impl Supervisor {
    /// With nothing running yet; `pids` is the file for `name=pid` lines.
    #[must_use]
    pub fn new(pids: PathBuf) -> Self {
        Self { pids: Pids { file: pids, running: Arc::default() }, kept: Vec::new() }
    }

    /// Starts a process and keeps it running.
    pub async fn keep(&mut self, spec: Spec) -> Result<()> {
        let process = spec.start().await?;
        self.pids.set(&spec.name, Some(process.pid()));
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep_running(process, self.pids.clone(), stop.clone()));
        self.kept.push(Kept { stop, task });
        Ok(())
    }

    /// Stops everything, the last started first, each once its dependents are gone.
    pub async fn stop(self) {
        for Kept { stop, task } in self.kept.into_iter().rev() {
            stop.cancel();
            let _ = task.await;
        }
        let _ = std::fs::remove_file(&self.pids.file);
    }
}

async fn keep_running(mut process: Process, pids: Pids, stop: CancellationToken) {
    let spec = process.spec().clone();
    let name = &spec.name;
    loop {
        tokio::select! {
            () = stop.cancelled() => {
                if let Err(error) = process.stop(STOP_PATIENCE).await {
                    warn!(%error, process.name = %name, "cannot stop a process");
                }
                pids.set(name, None);
                return;
            }
            status = process.wait() => {
                pids.set(name, None);
                let status = status.map_or_else(|error| error.to_string(), |s| s.to_string());
                warn!(process.name = %name, "{name} ended ({status}); starting it again");
            }
        }
        process = loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(RESTART_PAUSE) => {}
            }
            match spec.start().await {
                Ok(process) => break process,
                Err(error) => warn!(process.name = %name, "{error:#}"),
            }
        };
        pids.set(name, Some(process.pid()));
        info!(process.name = %name, "{name} runs again");
    }
}

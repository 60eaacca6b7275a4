//! A folder that belongs to one running stack at a time, and who runs it.

use std::{
    fs::{File, OpenOptions},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{keys, wait};

/// The lock on the folder; held until dropped, or until its process ends in whatever way.
#[derive(Debug)]
pub struct Installation {
    folder: PathBuf,
    _lock: File,
}

impl Installation {
    /// Takes the folder An error when one is running there.
    pub fn take(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("create {}", folder.display()))?;
        let folder = folder.canonicalize()?;
        let Some(lock) = try_lock(&folder)? else {
            bail!("the platform is already up in {}: `./dev down` stops it", folder.display());
        };
        clear(&folder);
        keys::write_private(&folder.join("owner"), &std::process::id().to_string())?;
        Ok(Self { folder, _lock: lock })
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Installation {
    fn drop(&mut self) {
        clear(&self.folder);
    }
}

/// Stops the stack of a folder and waits until it is gone; whether there was one.
pub async fn stop(folder: &Path, patience: Duration) -> Result<bool> {
    let Ok(folder) = folder.canonicalize() else { return Ok(false) };
    if try_lock(&folder)?.is_some() {
        clear(&folder);
        return Ok(false);
    }
    let owner = || async { Ok(owner(&folder)) };
    let pid = wait::until("the owner of the running stack", patience, owner).await?;
    let gone = || async { try_lock(&folder) };
    kill(pid, Signal::SIGTERM).context("ask the supervisor to stop")?;
    if wait::until("the supervisor to stop", patience, gone).await.is_err() {
        // Its children die with it.
        kill(pid, Signal::SIGKILL).context("kill the supervisor")?;
        wait::until("the supervisor to die", patience, gone).await?;
    }
    clear(&folder);
    Ok(true)
}

fn try_lock(folder: &Path) -> Result<Option<File>> {
    let path = folder.join("lock");
    let mut options = OpenOptions::new();
    let file = options.create(true).append(true).open(&path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(std::fs::TryLockError::WouldBlock) => Ok(None),
        Err(std::fs::TryLockError::Error(error)) => Err(error).context("lock the folder"),
    }
}

fn owner(folder: &Path) -> Option<Pid> {
    let text = std::fs::read_to_string(folder.join("owner")).ok()?;
    text.parse().ok().map(Pid::from_raw)
}

/// Removes what describes a running stack. Only ever with the lock in hand.
fn clear(folder: &Path) {
    for name in ["owner", "env", "pids"] {
        let _ = std::fs::remove_file(folder.join(name));
    }
}

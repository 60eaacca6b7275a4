//! A private Postgres and a private NATS on free loopback ports, in a scratch folder that goes with them. Never the
//! machine's own.

mod nats;
mod postgres;
mod shared;

use std::{
    fs::{File, Permissions},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

pub use self::{
    nats::Nats,
    postgres::Postgres,
    shared::{Addresses, TestServers},
};

const PREFIX: &str = "paas-scratch-";
/// Locked in every scratch folder as long as its process lives.
const ALIVE: &str = "alive";

/// Whether what was acknowledged survives a power cut. Tests of logic go without: it is the servers' own business.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As in production.
    Full,
    /// Fast: files are left to the operating system.
    None,
}

/// A folder for data and logs, removed when dropped; or, when its process was killed, by the next one that makes one.
#[derive(Debug)]
pub struct Scratch {
    folder: tempfile::TempDir,
    _alive: File,
}

impl Scratch {
    /// A new one, below the machine's folder for temporary files: a server's own user has to reach its data, which
    /// it can't below a home folder.
    pub fn new() -> Result<Self> {
        sweep();
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o711))?;
        // Locked before anyone else can see it: an unlocked one would look abandoned.
        let draft = folder.path().join("draft");
        let alive = File::create(&draft)?;
        alive.lock()?;
        std::fs::rename(draft, folder.path().join(ALIVE))?;
        Ok(Self { folder, _alive: alive })
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A folder inside, made when it is not there.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(path)
    }
}

/// Removes folders whose process has gone without doing so.
pub fn sweep() {
    let entries = std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
    for entry in ours {
        let is_abandoned =
            File::open(entry.path().join(ALIVE)).is_ok_and(|alive| alive.try_lock().is_ok());
        if is_abandoned {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

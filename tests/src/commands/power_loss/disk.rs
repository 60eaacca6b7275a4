//! A disk whose power can be cut: an ext4 file system in a file. What was not flushed is in the kernel's memory and not
//! in the file, so a copy of the file is what a power cut would leave. It tears no sectors and breaks no promise of the
//! disk itself.

use std::{
    ffi::OsStr,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use e2e::{servers::Scratch, wait};
use tokio::process::Command;

const BYTES: u64 = 4 << 30;
const PATIENCE: Duration = Duration::from_secs(30);

/// A mounted file system; unmounted when dropped, with which its loop device goes.
#[derive(Debug)]
pub(super) struct Disk {
    image: PathBuf,
    folder: PathBuf,
}

impl Disk {
    /// An empty one.
    pub(super) async fn make(scratch: &Scratch) -> Result<Self> {
        let (image, folder) = (scratch.path().join("disk"), scratch.folder("mounted")?);
        std::fs::File::create_new(&image)?.set_len(BYTES)?;
        run("mkfs.ext4", ["-q".as_ref(), image.as_os_str()]).await?;
        mount(&image, &folder)
            .await
            .context("power-loss needs loop devices, and the right to mount them")?;
        Ok(Self { image, folder })
    }

    /// A folder on it.
    pub(super) fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        std::fs::create_dir(&path).with_context(|| format!("create {}", path.display()))?;
        Ok(path)
    }

    /// Has everything written out: what stands before this is not at stake.
    pub(super) async fn flush(&self) -> Result<()> {
        run("sync", ["--file-system".as_ref(), self.folder.as_os_str()]).await
    }

    /// What a power cut at this moment would leave. Whoever writes has to be frozen.
    pub(super) async fn copy(&self) -> Result<PathBuf> {
        let copy = self.image.with_extension("after-the-cut");
        let written = self.sectors_written()?;
        // The kernel writes out by itself at times; a copy of two moments is none.
        wait::until("a moment in which the kernel writes nothing", PATIENCE, || async {
            let before = self.sectors_written()?;
            run("cp", [OsStr::new("--sparse=auto"), self.image.as_ref(), copy.as_ref()]).await?;
            Ok((self.sectors_written()? == before).then_some(()))
        })
        .await?;
        tracing::debug!(sectors = self.sectors_written()? - written, "written during the copy");
        Ok(copy)
    }

    /// Puts what is left after the cut in its place. Nobody may use it any more.
    pub(super) async fn replace(&mut self, copy: PathBuf) -> Result<()> {
        wait::until("the disk to be unused", PATIENCE, || async {
            run("umount", [&self.folder]).await.map(Some)
        })
        .await?;
        mount(&copy, &self.folder).await?;
        std::fs::remove_file(std::mem::replace(&mut self.image, copy))?;
        Ok(())
    }

    fn sectors_written(&self) -> Result<u64> {
        let mounts = std::fs::read_to_string("/proc/self/mounts")?;
        let folder = self.folder.to_string_lossy();
        let device = mounts.lines().find_map(|line| {
            let (device, rest) = line.split_once(' ')?;
            (rest.split(' ').next()? == folder).then(|| device.trim_start_matches("/dev/"))
        });
        let device = device.context("the disk is not mounted")?;
        let statistics = std::fs::read_to_string(format!("/sys/block/{device}/stat"))?;
        let sectors = statistics.split_whitespace().nth(6).context("no statistics")?;
        Ok(sectors.parse()?)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: servers that were killed just now may not be gone yet.
        let umount = std::process::Command::new("umount").arg("--lazy").arg(&self.folder).status();
        if !umount.as_ref().is_ok_and(std::process::ExitStatus::success) {
            tracing::warn!("cannot unmount {}: {umount:?}", self.folder.display());
        }
    }
}

async fn mount(image: &Path, folder: &Path) -> Result<()> {
    run("mount", ["-o".as_ref(), "loop".as_ref(), image.as_os_str(), folder.as_os_str()]).await
}

async fn run<A: AsRef<OsStr>>(program: &str, args: impl IntoIterator<Item = A>) -> Result<()> {
    let ran = Command::new(program).args(args).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, ran)
        .await
        .with_context(|| format!("{program} takes too long"))?
        .with_context(|| format!("run {program}"))?;
    if !output.status.success() {
        bail!("{program}: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

//! Where programs are: our own beside the running executable, foreign ones in `PATH` and their usual places.

use std::{
    env,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Folder of the programs of this workspace.
pub fn present() -> Result<PathBuf> {
    let program = ours("deployer-svc")?;
    program.parent().map(Path::to_owned).context("a program without a folder")
}

/// A program of this workspace, built together with the running one.
pub fn ours(name: &str) -> Result<PathBuf> {
    let exe = env::current_exe().context("the path of the running program")?;
    // A test runs from `deps/`, one level below the programs.
    exe.ancestors()
        .skip(1)
        .take(2)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| {
            format!(
                "{name} is not built beside {}: run `cargo build --workspace --bins`",
                exe.display()
            )
        })
}

/// A program of the machine, from `PATH`.
#[must_use]
pub fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A program of the Postgres server: Debian keeps them out of `PATH`, one folder a version.
pub fn postgres(name: &str) -> Result<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .map(|version| {
            (version, PathBuf::from(format!("/usr/lib/postgresql/{version}/bin/{name}")))
        })
        .filter(|(_, path)| path.is_file())
        .max();
    newest
        .map(|(_, path)| path)
        .or_else(|| in_path(name))
        .with_context(|| format!("{name} is not installed: `./dev setup` installs Postgres"))
}

/// Folder of the programs of the version before, which `./dev test` builds.
pub fn previous() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.dev/previous/bin");
    let folder = env::var_os("PAAS_PREVIOUS").map_or(folder, PathBuf::from);
    anyhow::ensure!(
        folder.join("deployer-svc").is_file(),
        "the version before is not in {}: `./dev test` builds it",
        folder.display()
    );
    Ok(folder)
}

/// The NATS server: `$NATS_SERVER`, else the pinned one that `./dev setup` unpacks, else the machine's.
pub fn nats_server() -> Result<PathBuf> {
    let named = env::var_os("NATS_SERVER").map(PathBuf::from);
    let pinned = || Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.dev/bin/nats-server"));
    named
        .or_else(|| pinned().filter(|path| path.is_file()))
        .or_else(|| in_path("nats-server"))
        .context("nats-server is not installed: `./dev setup` unpacks it into .dev/bin")
}

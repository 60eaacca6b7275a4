//! A real git repository: a bare one with a hook, as a provider has it, and a clone of it in which somebody works.

use std::{
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
};

use anyhow::{Context as _, Result, bail};
use tokio::process::Command;

/// The pair.
#[derive(Debug)]
pub struct Repository {
    bare: PathBuf,
    work: PathBuf,
}

impl Repository {
    /// Creates both in `folder`; `hook` is the shell script that runs after each push.
    pub async fn create(folder: &Path, hook: &str) -> Result<Self> {
        let (bare, work) = (folder.join("hello.git"), folder.join("hello"));
        let init = ["init", "--quiet", "--initial-branch=main"];
        for (path, kind) in [(&bare, Some("--bare")), (&work, None)] {
            std::fs::create_dir_all(path)?;
            git(path, &init.into_iter().chain(kind).collect::<Vec<_>>()).await?;
        }
        let script = bare.join("hooks/post-receive");
        std::fs::create_dir_all(bare.join("hooks"))?;
        std::fs::write(&script, hook).context("write the hook")?;
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700))?;
        git(&work, &["remote", "add", "origin", &bare.display().to_string()]).await?;
        Ok(Self { bare, work })
    }

    /// The bare repository.
    #[must_use]
    pub fn bare(&self) -> &Path {
        &self.bare
    }

    /// Commits files; the commit's id.
    pub async fn commit(&self, message: &str, files: &[(&str, &str)]) -> Result<String> {
        for (path, text) in files {
            std::fs::write(self.work.join(path), text)?;
        }
        git(&self.work, &["add", "--all"]).await?;
        git(&self.work, &["commit", "--quiet", "--message", message]).await?;
        Ok(git(&self.work, &["rev-parse", "HEAD"]).await?.trim().to_owned())
    }

    /// Pushes; what git said meanwhile, the hook's words included.
    pub async fn push(&self, refspec: &str) -> Result<String> {
        let output = command(&self.work).args(["push", "origin", refspec]).output().await?;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            bail!("git push: {words}");
        }
        Ok(words)
    }
}

/// Runs git in a folder; what it printed.
pub async fn git(folder: &Path, arguments: &[&str]) -> Result<String> {
    let output = command(folder).args(arguments).output().await.context("run git")?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        bail!("git {}: {words}", arguments.join(" "));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Git without the settings of whoever runs this, and of the hook that may run us.
fn command(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command.current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_QUARANTINE_PATH"]
    {
        command.env_remove(name);
    }
    command
        .envs([("GIT_CONFIG_GLOBAL", "/dev/null"), ("GIT_CONFIG_NOSYSTEM", "1")])
        .envs([("GIT_AUTHOR_NAME", "Octo Cat"), ("GIT_AUTHOR_EMAIL", "octo@example.com")])
        .envs([("GIT_COMMITTER_NAME", "Octo Cat"), ("GIT_COMMITTER_EMAIL", "octo@example.com")]);
    command
}

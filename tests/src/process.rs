//! Child processes that never outlive this one: started with a parent-death signal, logging into a file, stopped by
//! signal with a deadline.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::OpenOptions,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, anyhow, bail};
use nix::{sys::signal::kill, unistd::Pid};
use tokio::process::Command;

pub use nix::sys::signal::Signal;

use crate::{background, binaries};

/// What to run, and how.
#[derive(Debug, Clone)]
pub struct Spec {
    /// Name for logs and the list of process ids.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its settings, beside `PATH` and the like: nothing else of our environment reaches it.
    pub env: BTreeMap<String, String>,
    /// File that its output is appended to.
    pub log: PathBuf,
    /// User and group to run it as; ours when `None`.
    pub user: Option<(u32, u32)>,
    /// How it is asked to stop.
    pub stop_signal: Signal,
}

impl Spec {
    /// A process with this name that logs to `<folder>/<name>.log`.
    #[must_use]
    pub fn new(name: impl Into<String>, program: PathBuf, logs: &Path) -> Self {
        let name = name.into();
        let log = logs.join(format!("{name}.log"));
        let (args, env) = (Vec::new(), BTreeMap::new());
        Self { name, program, args, env, log, user: None, stop_signal: Signal::SIGTERM }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(self, arg: impl Into<OsString>) -> Self {
        self.args([arg])
    }

    /// Sets one variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.insert(name.to_owned(), value.into());
        self
    }

    /// Starts it.
    pub async fn start(&self) -> Result<Process> {
        let mut command = self.command()?;
        let child = background::run(async move { command.spawn() })
            .await?
            .with_context(|| format!("start {}", self.program.display()))?;
        let pid = child.id().context("the process ended at once")?;
        Ok(Process { spec: self.clone(), child, pid: Pid::from_raw(i32::try_from(pid)?) })
    }

    /// Runs it to its end, which must be a success.
    pub async fn run(&self, patience: Duration) -> Result<()> {
        let mut process = self.start().await?;
        let status = tokio::time::timeout(patience, process.wait())
            .await
            .map_err(|_| anyhow!("{} did not end in {patience:?}", self.name))??;
        if !status.success() {
            bail!("{} ended with {status}: {}", self.name, self.last_words());
        }
        Ok(())
    }

    /// The end of its log.
    #[must_use]
    pub fn last_words(&self) -> String {
        end_of_log(&self.log)
    }

    fn command(&self) -> Result<Command> {
        let setpriv = binaries::in_path("setpriv").context("setpriv (util-linux) is missing")?;
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("open {}", self.log.display()))?;
        let mut command = Command::new(setpriv);
        command
            .args(["--pdeathsig", "KILL", "--"])
            .arg(&self.program)
            .args(&self.args)
            .env_clear()
            .envs(inherited())
            .envs(&self.env)
            .stdin(Stdio::null())
            .stderr(log.try_clone()?)
            .stdout(log)
            .kill_on_drop(true)
            // Ctrl-C is for us alone: we stop our children in order.
            .process_group(0);
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group).current_dir("/");
        }
        Ok(command)
    }
}

/// What a program needs of our environment to run at all, and what somebody sets on purpose to look inside.
fn inherited() -> impl Iterator<Item = (String, String)> {
    const NAMES: [&str; 9] = [
        "PATH",
        "HOME",
        "LANG",
        "TZ",
        "TMPDIR",
        "RUST_LOG",
        "RUST_BACKTRACE",
        "SSL_CERT_FILE",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ];
    NAMES.into_iter().filter_map(|name| Some((name.to_owned(), std::env::var(name).ok()?)))
}

/// A running child; killed when dropped.
#[derive(Debug)]
pub struct Process {
    spec: Spec,
    child: tokio::process::Child,
    pid: Pid,
}

impl Process {
    /// Its process id, for people and for `kill`.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// What was started.
    #[must_use]
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits for its end.
    pub async fn wait(&mut self) -> Result<ExitStatus> {
        self.child.wait().await.with_context(|| format!("wait for {}", self.spec.name))
    }

    /// Sends a signal; none to a process that has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        if self.is_running() {
            kill(self.pid, signal)
                .with_context(|| format!("send {signal} to {}", self.spec.name))?;
        }
        Ok(())
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub async fn kill(&mut self) -> Result<()> {
        self.signal(Signal::SIGKILL)?;
        self.wait().await.map(drop)
    }

    /// Asks it to stop; kills it when it has not within `patience`, which is reported.
    pub async fn stop(&mut self, patience: Duration) -> Result<ExitStatus> {
        self.signal(self.spec.stop_signal)?;
        if let Ok(status) = tokio::time::timeout(patience, self.wait()).await {
            return status;
        }
        self.kill().await?;
        Ok(ExitStatus::from_raw(Signal::SIGKILL as i32))
    }
}

/// The end of every log in a folder, for whoever asks what went wrong.
#[must_use]
pub fn ends_of_logs(folder: &Path) -> Vec<(PathBuf, String)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let paths = entries.map(|entry| entry.path());
    let logs = paths.filter(|path| path.extension().is_some_and(|end| end == "log"));
    logs.map(|path| (path.clone(), end_of_log(&path))).collect()
}

fn end_of_log(path: &Path) -> String {
    let log = std::fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<_> = log.lines().collect();
    lines[lines.len().saturating_sub(30)..].join("\n")
}

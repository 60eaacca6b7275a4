//! The command line `paas`, run as its users run it: a process of its own, with an address and a token.

use std::{
    io::IsTerminal as _,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};
use e2e::{api::Api, binaries, forge::Forge};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncRead, BufReader},
    process::{Child, Command},
    sync::mpsc,
    time::timeout,
};

use super::screen;

const PATIENCE: Duration = Duration::from_mins(1);

/// The program, set up for a platform.
pub(super) struct Paas {
    url: String,
    token: String,
    /// What the person at this machine has stored is none of the demo's.
    home: TempDir,
}

/// One that runs.
pub(super) struct Running {
    child: Child,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Paas {
    pub(super) fn new(api: &Api, token: &str) -> Result<Self> {
        let (url, token) = (api.url().to_owned(), token.to_owned());
        Ok(Self { url, token, home: tempfile::tempdir()? })
    }

    /// Starts it.
    pub(super) fn start(&self, arguments: &[&str]) -> Result<Running> {
        let mut command = Command::new(binaries::ours("paas")?);
        command
            .args(arguments)
            .env("PAAS_URL", &self.url)
            .env("PAAS_TOKEN", &self.token)
            .env("XDG_CONFIG_HOME", self.home.path())
            .env_remove("PAAS_TENANT")
            .current_dir(self.home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if std::io::stdout().is_terminal() {
            command.env("CLICOLOR_FORCE", "1");
        }
        let mut child = command.spawn().context("start paas")?;
        let (tell, lines) = mpsc::unbounded_channel();
        let out = child.stdout.take().context("no output")?;
        let errors = child.stderr.take().context("no error output")?;
        tokio::spawn(pass_on(out, tell.clone()));
        tokio::spawn(pass_on(errors, tell));
        Ok(Running { child, lines })
    }

    /// Runs it to its end, which must be a success, and shows what it says.
    pub(super) async fn show(&self, arguments: &[&str]) -> Result<()> {
        let mut running = self.start(arguments)?;
        let shown = timeout(PATIENCE, async {
            while let Some(line) = running.line().await {
                screen::said(&line);
            }
            running.end().await
        });
        let status = shown.await.with_context(|| format!("paas {arguments:?} does not end"))??;
        ensure!(status.success(), "paas {} ended with {status}", arguments.join(" "));
        Ok(())
    }

    /// `paas git connect`, with somebody at a browser who consents.
    pub(super) async fn consent(&self, forge: &Forge, provider: &str) -> Result<()> {
        let mut running = self.start(&["git", "connect", provider, "--no-browser"])?;
        let connected = timeout(PATIENCE, async {
            while let Some(line) = running.line().await {
                screen::said(&line);
                if line.trim_start().starts_with("http") {
                    let answer = forge.follow_oauth(line.trim()).await?;
                    screen::note(&format!("(in the browser: {} {})", answer.status, answer.body));
                }
            }
            running.end().await
        });
        let status = connected.await.context("nobody was connected in time")??;
        ensure!(status.success(), "paas git connect ended with {status}");
        Ok(())
    }
}

impl Running {
    /// The next line that it says; none when it has ended.
    pub(super) async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }

    pub(super) async fn end(&mut self) -> Result<ExitStatus> {
        Ok(self.child.wait().await?)
    }
}

async fn pass_on(from: impl AsyncRead + Unpin, to: mpsc::UnboundedSender<String>) {
    let mut lines = BufReader::new(from).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if to.send(line).is_err() {
            return;
        }
    }
}

//! `paas` against the running platform: what a person sees and a script gets, and the routes beneath it.

mod access;
mod dead_letters;
mod deploys;
mod git;
mod logs;
mod releases;
mod replay;
mod routes;

use std::process::Stdio;

use e2e::{binaries, harness::Platform};
use serde_json::Value;
use tokio::process::Command;

use crate::identity::PATIENCE;

/// How the program ended, and what it said.
#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    /// What it said, each line an object.
    fn objects(&self) -> Vec<Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The one object that it said.
    fn object(&self) -> Value {
        let mut objects = self.objects();
        assert_eq!(objects.len(), 1, "{self:?}");
        objects.remove(0)
    }
}

/// The program as this platform's people run it, with nothing of our environment.
fn command(platform: &Platform, arguments: &[&str]) -> Command {
    let mut command = Command::new(binaries::ours("paas").unwrap());
    command
        .args(arguments)
        .env_clear()
        .env("PAAS_URL", platform.api.url())
        .env("PAAS_TOKEN", &platform.wiring().keys.api_token)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    command
}

/// Runs it to its end.
async fn paas(platform: &Platform, arguments: &[&str]) -> Ended {
    ended(platform, command(platform, arguments)).await
}

/// Waits for the end of a command; the token is nowhere in what it says.
async fn ended(platform: &Platform, mut command: Command) -> Ended {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    for said in [&out, &err] {
        assert!(!said.contains(&platform.wiring().keys.api_token), "{said}");
    }
    Ended { code: output.status.code().unwrap(), out, err }
}

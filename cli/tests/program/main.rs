//! The real program against a platform that says what the test wants: what it asks, tells, and ends with.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod git;
mod help;
mod login;
mod logs;
mod platform;
mod replay;
mod requests;
mod settings;
mod tables;
mod watch;

use std::{
    process::{Command, Output},
    str::from_utf8,
};

/// In every call; it must be in no output.
const TOKEN: &str = "canary-3f9d";
const ID: &str = "00000000-0000-0000-0000-000000000001";

/// How the program ended, and what it said.
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| from_utf8(bytes).unwrap().to_owned();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        for said in [&out, &err] {
            assert!(!said.contains(TOKEN), "the token is told: {said}");
            assert!(!said.contains('\x1b'), "colours, though nobody sees them: {said:?}");
        }
        Self { code: output.status.code().unwrap(), out, err }
    }
}

/// The program with nothing of our environment but what it is given.
fn paas(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paas"));
    command.args(arguments).env_clear().env("TZ", "UTC").env("HOME", "/nonexistent");
    command
}

/// Runs it against the platform at `url`.
fn run(url: &str, arguments: &[&str]) -> Ended {
    paas(arguments).env("PAAS_URL", url).env("PAAS_TOKEN", TOKEN).output().unwrap().into()
}

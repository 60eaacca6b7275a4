//! `paas completions`: what a shell needs to complete commands.

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::{args::Cli, error::Error, exit::Exit, screen};

/// What it takes.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "For instance: paas completions bash > ~/.local/share/bash-completion/completions/paas"
)]
pub(crate) struct Args {
    /// Whose completions.
    shell: Shell,
}

impl Args {
    pub(crate) fn run(self) -> Result<Exit, Error> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "paas", &mut script);
        screen::verbatim(&String::from_utf8_lossy(&script))?;
        Ok(Exit::Done)
    }
}

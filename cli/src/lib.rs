//! `paas`: what a person does with the platform, from the command line.
//!
//! # Layout
//!
//! `args` is the command line; `commands` has a file for each command: it asks the platform through `api`, whose words
//! are in `model`, and hands what it learns to `show`, which makes text of it, or to `screen` as JSON. `settings` finds
//! out where the platform is and with which token. `error` and `exit` say how it went.

mod api;
mod args;
mod commands;
mod error;
mod exit;
mod model;
mod screen;
mod settings;
mod show;

pub use args::Cli;
pub use exit::Exit;

use args::Command;
use settings::{Environment, Settings};

/// Does what the command line says; what goes wrong is told on standard error.
pub async fn run(cli: Cli) -> Exit {
    let screen = screen::Screen::new(cli.global.json);
    match command(cli, &screen).await {
        Ok(exit) => exit,
        Err(error) => {
            screen.problem(&error);
            error.exit()
        }
    }
}

async fn command(cli: Cli, screen: &screen::Screen) -> Result<Exit, error::Error> {
    let (global, environment) = (&cli.global, Environment::of_this_process());
    match cli.command {
        Command::Login(args) => args.run(global, &environment, screen).await,
        Command::Logout => commands::logout::run(&environment, screen),
        Command::Completions(args) => args.run(),
        Command::Asking(command) => {
            let api = api::Api::new(Settings::find(global, &environment)?)?;
            command.run(&api, screen).await
        }
    }
}

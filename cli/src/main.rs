//! The program: reads the command line, does what it says, and ends with a code that says how it went.

use std::process::ExitCode;

use clap::Parser as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    // An error means that a provider is there already, which is all that matters.
    let _ = rustls::crypto::ring::default_provider().install_default();
    paas_cli::run(paas_cli::Cli::parse()).await.into()
}

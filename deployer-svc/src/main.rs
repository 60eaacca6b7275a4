//! Reads the command line, sets up what every subcommand needs, and hands over to the library.

use std::process::ExitCode;

use clap::Parser as _;
use deployer_svc::config::{Cli, Command};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Cli { command, log_format } = Cli::parse();
    // Every TLS connection of the process uses this one provider; a second call would be the only error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let telemetry = telemetry::init("deployer-svc", log_format)?;
    #[cfg(feature = "failpoints")]
    let _armed = deployer_svc::failpoints::arm();
    let done = run(command).await;
    telemetry.shutdown().await;
    done
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(config) => {
            let listener = TcpListener::bind(config.grpc_address).await?;
            deployer_svc::serve(*config, listener, asked_to_stop()?).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate(config) => {
            deployer_svc::migrate(&config).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Rebuild(config) => deployer_svc::rebuild(&config).await,
        Command::Doctor(args) => deployer_svc::doctor::run(&args).await,
        Command::ClusterAgent(args) => {
            let listener = TcpListener::bind(args.listen).await?;
            deployer_svc::agent::serve(*args, listener, asked_to_stop()?).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Cancelled at the first SIGTERM or SIGINT.
fn asked_to_stop() -> anyhow::Result<CancellationToken> {
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let token = CancellationToken::new();
    let asked = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        asked.cancel();
    });
    Ok(token)
}

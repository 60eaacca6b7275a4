//! Reads the command line, sets up what every subcommand needs, and hands over to the library.

use std::{net::SocketAddr, process::ExitCode};

use anyhow::Context as _;
use clap::Parser as _;
use deployer_svc::{
    config::{Cli, Command},
    signals::asked_to_stop,
};
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> anyhow::Result<ExitCode> {
    let Cli { command, log_format } = Cli::parse();
    // Every TLS connection of the process uses this one provider; a second call would be the only error.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let telemetry = telemetry::init(command.service(), log_format)?;
    #[cfg(feature = "failpoints")]
    let _armed = deployer_svc::failpoints::arm();
    let done = run(command).await;
    telemetry.shutdown().await;
    done
}

async fn run(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Serve(config) => {
            let listener = listen(config.grpc_address).await?;
            Box::pin(deployer_svc::serve(*config, listener, asked_to_stop()?)).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate(config) => {
            deployer_svc::migrate(&config).await.map(|()| ExitCode::SUCCESS)
        }
        Command::Rebuild(config) => deployer_svc::rebuild(&config).await,
        Command::Republish(config) => deployer_svc::republish(&config).await,
        Command::Streams(command) => Ok(deployer_svc::streams::command::run(&command).await),
        Command::Doctor(args) => deployer_svc::doctor::run(&args).await,
        Command::Health(args) => deployer_svc::probe::run(&args).await.map(|()| ExitCode::SUCCESS),
        Command::ClusterAgent(args) => {
            let listener = listen(args.listen).await?;
            deployer_svc::agent::serve(*args, listener, asked_to_stop()?).await?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

async fn listen(address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("cannot listen on {address}"))
}

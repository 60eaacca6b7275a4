//! The process: reads the settings, binds the socket, and serves until it is told to stop.

use std::net::TcpListener;

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// Receives webhooks, verifies them and publishes pushes to JetStream.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve webhooks, callbacks and the management API.
    Serve {
        #[command(flatten)]
        config: Box<ingress_svc::Config>,
        /// How log lines are written.
        #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "text")]
        log_format: telemetry::LogFormat,
    },
    /// Seal every secret in the database again with the first key of `SECRETS_KEYS`. May run beside the ingress, and be
    /// run again.
    Reseal {
        #[command(flatten)]
        args: ingress_svc::reseal::Args,
        /// How log lines are written.
        #[arg(long, env = "LOG_FORMAT", value_enum, default_value = "text")]
        log_format: telemetry::LogFormat,
    },
    /// List every route: its method, its pattern, and who may take it.
    Routes {
        /// As an array of objects.
        #[arg(long)]
        json: bool,
    },
    /// Ask the ingress of this machine how it is: ends with 0 when it is well.
    Health(ingress_svc::probe::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    // An error means that a provider is there already, which is all that matters.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match Cli::parse().command {
        Command::Serve { config, log_format } => serve(*config, log_format).await,
        Command::Reseal { args, log_format } => reseal(&args, log_format).await,
        Command::Routes { json } => routes(json),
        Command::Health(args) => ingress_svc::probe::run(&args).await,
    }
}

#[expect(clippy::print_stdout, reason = "the routes are what the subcommand is for")]
fn routes(json: bool) -> anyhow::Result<()> {
    print!("{}", ingress_svc::routes(json)?);
    Ok(())
}

async fn reseal(
    args: &ingress_svc::reseal::Args,
    log_format: telemetry::LogFormat,
) -> anyhow::Result<()> {
    let telemetry = telemetry::init("ingress-svc", log_format)?;
    let done = ingress_svc::reseal::run(args).await;
    telemetry.shutdown().await;
    done
}

async fn serve(
    config: ingress_svc::Config,
    log_format: telemetry::LogFormat,
) -> anyhow::Result<()> {
    let telemetry = telemetry::init("ingress-svc", log_format)?;
    #[cfg(feature = "failpoints")]
    let _armed = ingress_svc::failpoints::arm();
    let listener = TcpListener::bind(config.listen_address)
        .with_context(|| format!("cannot listen on {}", config.listen_address))?;
    let (mut terminate, mut interrupt) =
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let shutdown = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let served = ingress_svc::run(config, listener, shutdown).await;
    telemetry.shutdown().await;
    served
}

#[cfg(test)]
#[test]
fn verify_cli() {
    use clap::CommandFactory as _;
    Cli::command().debug_assert();
}

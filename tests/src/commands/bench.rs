//! `paas-dev bench`: in one run, what the services achieve and what bounds them on the same machine.

mod ceilings;
mod collector;
mod ingress;
mod latency;
mod memory;
mod report;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use anyhow::Result;
use e2e::{
    signals::interrupted,
    stack::{Cluster, Options, Stack},
};
use tracing::info;

use self::report::Report;

/// For how long, and how much at once.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// Seconds that each throughput is measured for, after one of warming up.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=60))]
    seconds: u64,
    /// Deliveries, messages or commits at once.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=250))]
    concurrency: u16,
    /// Pushes a second while the time to the PipelineRun is measured.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1000))]
    pushes_per_second: u64,
    /// Seconds for which they come.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=300))]
    push_seconds: u64,
    /// Only what telemetry costs, with this collector, against telemetry off.
    #[arg(long, value_enum)]
    collector: Option<collector::Kind>,
    /// Folder for keys and settings.
    #[arg(long, default_value = ".dev/bench")]
    dir: PathBuf,
}

impl Args {
    fn duration(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn workers(&self) -> usize {
        self.concurrency.into()
    }
}

const WARM_UP: Duration = Duration::from_secs(1);

/// Runs the command.
pub(crate) async fn run(args: Args) -> Result<()> {
    if let Some(kind) = args.collector {
        return collector::run(&args, kind).await;
    }
    let no_telemetry = BTreeMap::new();
    let (ingress, ceilings) = {
        // No deployer: it would work on what the ingress accepts, on the same cores.
        let stack = start(&args, 0, &no_telemetry).await?;
        let measured = unless_interrupted(throughput(&stack, &args)).await;
        stack.stop().await;
        measured?
    };
    let stack = start(&args, 1, &no_telemetry).await?;
    info!("the way from a delivery to its PipelineRun");
    let latency = unless_interrupted(latency::measure(&stack, &args)).await;
    stack.stop().await;
    Report { args: &args, ingress, ceilings, latency: latency? }.print();
    Ok(())
}

async fn throughput(stack: &Stack, args: &Args) -> Result<(ingress::Ingress, ceilings::Ceilings)> {
    info!("Postgres and JetStream alone");
    let ceilings = ceilings::measure(stack, args).await?;
    info!("the ingress");
    Ok((ingress::measure(stack, args).await?, ceilings))
}

/// Whoever calls it stops the stack in either case.
async fn unless_interrupted<T>(measured: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        measured = measured => measured,
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
    }
}

/// With these settings of telemetry.
async fn start(
    args: &Args,
    deployer: usize,
    telemetry: &BTreeMap<String, String>,
) -> Result<Stack> {
    // It measures answers to what is not authentic, too.
    let mut ingress_settings =
        BTreeMap::from([("RATE_LIMIT_PER_ADDRESS".to_owned(), "0".to_owned())]);
    ingress_settings.extend(telemetry.clone());
    let standin = ["--build-ms", "200", "--rollout-step-ms", "20"].map(str::to_owned).to_vec();
    let stack = Stack::start(&Options {
        folder: args.dir.clone(),
        ingress: 1,
        deployer,
        cluster: Cluster::Standin(standin),
        ingress_settings,
        forge: false,
        agent_settings: telemetry.clone(),
    })
    .await?;
    for warning in &stack.warnings {
        tracing::warn!("{warning}");
    }
    Ok(stack)
}

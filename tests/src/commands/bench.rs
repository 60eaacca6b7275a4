//! `paas-dev bench`: in one run, what the services achieve and what bounds them on the same machine.

mod ceilings;
mod ingress;
mod latency;
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
    let (ingress, ceilings) = {
        // No deployer: it would work on what the ingress accepts, on the same cores.
        let stack = start(&args, 0).await?;
        let measured = tokio::select! {
            measured = throughput(&stack, &args) => measured,
            () = interrupted() => Err(anyhow::anyhow!("interrupted")),
        };
        stack.stop().await;
        measured?
    };
    let stack = start(&args, 1).await?;
    info!("the way from a delivery to its PipelineRun");
    let latency = tokio::select! {
        measured = latency::measure(&stack, &args) => measured,
        () = interrupted() => Err(anyhow::anyhow!("interrupted")),
    };
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

async fn start(args: &Args, deployer: usize) -> Result<Stack> {
    let standin = ["--build-ms", "200", "--rollout-step-ms", "20"].map(str::to_owned).to_vec();
    let stack = Stack::start(&Options {
        folder: args.dir.clone(),
        ingress: 1,
        deployer,
        cluster: Cluster::Standin(standin),
        // It measures answers to what is not authentic, too.
        ingress_settings: BTreeMap::from([(
            "RATE_LIMIT_PER_ADDRESS".to_owned(),
            "0".to_owned(),
        )]),
        agent_settings: BTreeMap::new(),
    })
    .await?;
    for warning in &stack.warnings {
        tracing::warn!("{warning}");
    }
    Ok(stack)
}

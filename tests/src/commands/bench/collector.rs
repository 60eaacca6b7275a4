//! What telemetry costs when the collector is at its worst: it takes connections and never answers. Measured in turns
//! with telemetry off, on the same machine, so that what else happens there falls on both.

use std::collections::BTreeMap;

use anstream::println;
use anyhow::Result;
use e2e::{collector::Collector, load::Measured};
use tracing::info;

use super::{
    Args, ingress, latency,
    memory::{self, Memory},
    report::verdict,
    start, unless_interrupted,
};

/// Each is measured so often; the median counts.
const ROUNDS: usize = 3;
/// Of the rate with telemetry off.
const TARGET_RATIO: f64 = 0.95;

/// Which collector the services send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Kind {
    /// One that takes connections and never answers.
    Blackhole,
}

/// Compares the ingress with telemetry off and on, and watches the memory of both services.
pub(super) async fn run(args: &Args, kind: Kind) -> Result<()> {
    let Kind::Blackhole = kind;
    let collector = Collector::blackhole().await?;
    // As an operator would have it: nothing but the address.
    let on = BTreeMap::from([("OTEL_EXPORTER_OTLP_ENDPOINT".to_owned(), collector.endpoint())]);
    let off = BTreeMap::new();
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        info!("round {round} of {ROUNDS}: telemetry off, then on");
        without.push(accepted(args, &off).await?.0);
        with.push(accepted(args, &on).await?);
    }
    let (with, memory): (Vec<_>, Vec<_>) = with.into_iter().unzip();
    print_rates(args, &without, &with);
    println!("\nMemory of the ingress under that load, telemetry on, round by round");
    memory.iter().for_each(memory::print);

    info!("both services, with telemetry on");
    let stack = start(args, 1, &on).await?;
    let watched = memory::Watch::start(&stack);
    let measured = unless_interrupted(latency::measure(&stack, args)).await;
    let memory = watched.finish().await;
    stack.stop().await;
    let accepted = measured?.accepted;
    println!("\nMemory of both at {} pushes/s, {accepted} pushes in all", args.pushes_per_second);
    memory::print(&memory?);
    Ok(())
}

async fn accepted(args: &Args, settings: &BTreeMap<String, String>) -> Result<(f64, Memory)> {
    let stack = start(args, 0, settings).await?;
    let watched = memory::Watch::start(&stack);
    let measured = unless_interrupted(ingress::accepted(&stack, args)).await;
    let memory = watched.finish().await;
    stack.stop().await;
    Ok((Measured::rate(&measured?), memory?))
}

fn print_rates(args: &Args, without: &[f64], with: &[f64]) {
    let text = |rates: &[f64]| {
        let rates: Vec<_> = rates.iter().map(|rate| format!("{rate:.0}")).collect();
        rates.join(", ")
    };
    println!(
        "\nDeliveries accepted a second, {} at once for {} s each",
        args.concurrency, args.seconds
    );
    println!("  telemetry off                       {}", text(without));
    println!("  on, to a collector that is silent   {}", text(with));
    let ratio = median(with) / median(without);
    let target = format!("the medians are {ratio:.3} apart; at least {TARGET_RATIO}");
    println!("  {}", verdict(ratio >= TARGET_RATIO, &target));
}

fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or_default()
}

//! The figures, side by side.

use std::time::Duration;

use anstream::println;
use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use e2e::load::Measured;

use super::{Args, ceilings::Ceilings, ingress::Ingress, latency::Latency};

/// What is aimed at.
const TARGET_RATIO: f64 = 0.5;
const TARGET_TO_RUN: Duration = Duration::from_millis(250);

/// Everything that was measured.
pub(super) struct Report<'a> {
    pub(super) args: &'a Args,
    pub(super) ingress: Ingress,
    pub(super) ceilings: Ceilings,
    pub(super) latency: Latency,
}

impl Report<'_> {
    pub(super) fn print(&self) {
        let Self { args, ingress, ceilings, latency } = self;
        let rows = [
            ("deliveries accepted by the ingress (202)", &ingress.accepted),
            ("the same server without database and broker (404)", &ingress.alone),
            ("JetStream acknowledgements alone", &ceilings.acks),
            ("Postgres one-row commits alone", &ceilings.commits),
        ];
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(["", "a second", "p50", "p99"]);
        for (name, measured) in rows {
            let (p50, p99) = quantiles(measured);
            table.add_row([name.to_owned(), format!("{:.0}", measured.rate()), p50, p99]);
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        println!(
            "\nThroughput: {} at once for {} s each, bodies of {} bytes, sync_interval: always, fsync on",
            args.concurrency, args.seconds, ingress.body_bytes
        );
        println!("{table}");
        self.print_ratios();
        let (p50, p99) = quantiles(&latency.times);
        println!(
            "\nFrom delivery to PipelineRun at {} pushes/s for {} s: p50 {p50}, p99 {p99} \
             ({} of {} accepted pushes were built)",
            args.pushes_per_second,
            args.push_seconds,
            latency.times.count(),
            latency.accepted,
        );
        println!("  {}", verdict(latency.times.quantile(0.99) < TARGET_TO_RUN, "p99 below 250 ms"));
    }

    fn print_ratios(&self) {
        let Self { ingress, ceilings, .. } = self;
        let accepted = ingress.accepted.rate();
        println!("\nAccepted deliveries, as a share of");
        let shares = [
            ("the server alone", &ingress.alone),
            ("JetStream alone", &ceilings.acks),
            ("Postgres alone", &ceilings.commits),
        ];
        for (name, ceiling) in shares {
            println!("  {name:<17} {:.2}", accepted / ceiling.rate());
        }
        // A delivery costs one acknowledgement and one read: commits bound the deployer, not the ingress.
        let lower = ingress.alone.rate().min(ceilings.acks.rate());
        let ratio = accepted / lower;
        let target = format!("{ratio:.2} of the lower ceiling; at least {TARGET_RATIO}");
        println!("  {}", verdict(ratio >= TARGET_RATIO, &target));
    }
}

fn quantiles(measured: &Measured) -> (String, String) {
    let text = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1000.0);
    (text(measured.quantile(0.5)), text(measured.quantile(0.99)))
}

pub(super) fn verdict(holds: bool, what: &str) -> String {
    format!("target {}: {what}", if holds { "met" } else { "MISSED" })
}

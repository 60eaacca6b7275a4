//! `paas-dev deliver`: what GitHub does after a push, as the `post-receive` hook of the demo's repository.

use std::{io::BufRead as _, path::PathBuf};

use anstream::println;
use anyhow::Result;
use e2e::hook::{Target, Update};

/// Where to deliver.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// File that names the webhook and its secret.
    #[arg(long)]
    target: PathBuf,
}

/// Delivers every updated reference that git names on standard input, from inside the repository.
pub(crate) async fn run(args: Args) -> Result<()> {
    let target = Target::read(&args.target)?;
    let git_dir = std::env::current_dir()?;
    for line in std::io::stdin().lock().lines() {
        let update: Update = line?.parse()?;
        println!("sending what GitHub sends for {}", update.reference);
        let answer = target.deliver(&git_dir, &update).await?;
        println!("answer: {} {}", answer.status, answer.body);
    }
    Ok(())
}

//! `paas-dev down`: stops what `up` started.

use std::{path::PathBuf, time::Duration};

use anstream::println;
use anyhow::Result;
use e2e::{installation, servers};

/// Above the supervisor's own deadline for each of the processes that drain.
const PATIENCE: Duration = Duration::from_mins(2);

/// Which platform to stop.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder that `up` was given.
    #[arg(long, default_value = ".dev")]
    dir: PathBuf,
}

/// Runs the command.
pub(crate) async fn run(args: Args) -> Result<()> {
    let was_up = installation::stop(&args.dir, PATIENCE).await?;
    servers::sweep();
    println!("{}", if was_up { "The platform is down." } else { "The platform was not up." });
    Ok(())
}

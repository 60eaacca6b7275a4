//! `deployer-svc rebuild`: folds the log again and compares it with the state on record.

use uuid::Uuid;

use crate::store::{Error, Store};

/// Which lines, and what to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this app's line.
    #[arg(long)]
    pub app: Option<Uuid>,
    /// Write the state where it differs.
    #[arg(long)]
    pub write: bool,
}

/// Writes a line per app to standard output; true when every state is what its log folds to (or is by now).
pub async fn run(store: &Store, args: &Args) -> Result<bool, Error> {
    let _ = (store, args);
    Err(Error::permanent("being written"))
}

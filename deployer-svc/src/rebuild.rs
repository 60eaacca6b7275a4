//! `deployer-svc rebuild`: folds the log again and compares it with the state on record.

use std::io::{self, Write as _};

use uuid::Uuid;

use crate::store::{self, Recheck, Store};

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

/// Why the lines were not all compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Nobody reads the answer any more.
    #[error("cannot write the answer: {0}")]
    Output(#[from] io::Error),
}

/// Writes a line per app to standard output; true when every state is what its log folds to, or is by now.
pub async fn run(store: &Store, args: &Args) -> Result<bool, Error> {
    let apps = match args.app {
        Some(app) => vec![app],
        None => store.apps_with_lines().await?,
    };
    let mut answer = io::stdout();
    let mut all_right = true;
    for app in apps {
        let found = match store.recheck(app, args.write).await {
            Ok(Recheck::Equal) => "equal".to_owned(),
            Ok(Recheck::Repaired) => "repaired".to_owned(),
            Ok(Recheck::Different) => {
                all_right = false;
                "different".to_owned()
            }
            Err(error) if error.is_passing() => return Err(error.into()),
            Err(error) => {
                all_right = false;
                error.to_string()
            }
        };
        writeln!(answer, "{app} {found}")?;
    }
    Ok(all_right)
}

//! `paas-dev deliver`: the `post-receive` hook of the demo's repository. It tells the providers' stand-in of the push, or
//! does itself what GitHub does after one.

use std::{io::BufRead as _, path::PathBuf};

use anstream::println;
use anyhow::{Context as _, Result};
use e2e::{
    api::Answer,
    forge::{self, Forge},
    hook::{Target, Update},
};

/// Where to deliver, or who does.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// File that names the webhook and its secret.
    #[arg(long, required_unless_present = "forge")]
    target: Option<PathBuf>,
    /// The providers' stand-in, which knows the webhooks of the repository.
    #[arg(long, value_name = "URL", requires = "repo", conflicts_with = "target")]
    forge: Option<String>,
    /// As which provider the stand-in knows the repository.
    #[arg(long, default_value = "github")]
    provider: String,
    /// `owner/name` of the repository there.
    #[arg(long)]
    repo: Option<String>,
}

/// Delivers every updated reference that git names on standard input, from inside the repository.
pub(crate) async fn run(args: Args) -> Result<()> {
    let git_dir = std::env::current_dir()?;
    for line in std::io::stdin().lock().lines() {
        let update: Update = line?.parse()?;
        println!("{} sends what it sends for {}", args.provider, update.reference);
        for Answer { status, body, .. } in args.deliver(&git_dir, &update).await? {
            println!("answer: {status} {body}");
        }
    }
    Ok(())
}

impl Args {
    async fn deliver(&self, git_dir: &std::path::Path, update: &Update) -> Result<Vec<Answer>> {
        if let Some(target) = &self.target {
            return Ok(vec![Target::read(target)?.deliver(git_dir, update).await?]);
        }
        let forge = Forge::new(self.forge.as_deref().context("nowhere to deliver")?)?;
        let repo = self.repo.as_deref().context("no repository")?;
        let pushed = forge.updated(&self.provider, repo, git_dir, update).await?;
        Ok(pushed.attempts.into_iter().map(|attempt| forge::sent(attempt).answer).collect())
    }
}

//! `paas releases rollback`: an earlier release live again.

use crate::{
    api::Api,
    args::AppRef,
    commands::deploy::watch,
    error::Error,
    exit::Exit,
    model::{Commanded, RollBack},
    screen::Screen,
    show,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app, by its name or id.
    app: AppRef,
    /// To which release, for instance v2; without it, to the newest with another image than the live one.
    #[arg(value_parser = release)]
    release: Option<String>,
    /// Follow the deploy until it has ended, as `paas deploy watch` does.
    #[arg(long)]
    watch: bool,
}

impl Args {
    pub(super) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let path = format!("/v1/apps/{}/rollback", api.app(&self.app).await?);
        let wanted = RollBack { release: self.release.as_deref() };
        let made: Commanded = api.post_with(&path, &wanted).await?;
        screen.note("Auto-deploy is paused: `paas releases resume` ends that.");
        if self.watch {
            return watch::run(made.deploy_id, api, screen).await;
        }
        screen.answer(&made, || show::deploys::begun(made.deploy_id))?;
        Ok(Exit::Done)
    }
}

/// `v2`, or `2` for short.
fn release(text: &str) -> Result<String, &'static str> {
    let number = text.strip_prefix('v').unwrap_or(text);
    let is_number = number.parse::<u32>().is_ok_and(|number| number > 0);
    is_number.then(|| format!("v{number}")).ok_or("not a release like v2")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_named_by_its_number() {
        assert_eq!((release("v2").unwrap(), release("12").unwrap()), ("v2".into(), "v12".into()));
        for wrong in ["", "v", "v0", "-1", "vv2", "latest", "2.1"] {
            assert!(release(wrong).is_err(), "{wrong}");
        }
    }
}

//! `paas git deliveries`: what the provider sent, and what was made of it.

use jiff::tz::TimeZone;

use crate::{
    api::Api,
    args::AppRef,
    commands::{Limit, note_more},
    error::Error,
    exit::Exit,
    model::Deliveries,
    screen::Screen,
    show,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app, by its name or id.
    app: AppRef,
    /// Only those with this verdict, for instance `queued` or `branch_mismatch`.
    #[arg(long)]
    verdict: Option<String>,
    #[command(flatten)]
    limit: Limit,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let path = format!("/v1/apps/{}/deliveries", api.app(&self.app).await?);
        let query: Vec<_> =
            self.verdict.as_deref().map(|name| ("verdict", name)).into_iter().collect();
        let all: Deliveries = api.list(&path, &query, self.limit.limit.into()).await?;
        screen.answer(&all, || show::deliveries::list(&all.deliveries, &TimeZone::system()))?;
        note_more(&all, screen);
        Ok(Exit::Done)
    }
}

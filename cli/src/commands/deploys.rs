//! `paas deploys`: an app's deploys, newest first.

use jiff::tz::TimeZone;

use super::LARGEST_PAGE;
use crate::{
    api::Api, args::AppRef, error::Error, exit::Exit, model::Deploys, screen::Screen, show,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app, by its name or id.
    app: AppRef,
    /// At most so many; more than one page are read if need be.
    #[arg(long, default_value_t = 20, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let app = api.app(&self.app).await?;
        let deploys = newest(api, app, self.limit.into()).await?;
        screen.answer(&deploys, || show::deploys::list(&deploys.deploys, &TimeZone::system()))?;
        if deploys.next_page_token.is_some() {
            screen.note("There are older ones: --limit shows more.");
        }
        Ok(Exit::Done)
    }
}

async fn newest(api: &Api, app: uuid::Uuid, limit: usize) -> Result<Deploys, Error> {
    let path = format!("/v1/apps/{app}/deploys");
    let mut all = Deploys { deploys: Vec::new(), next_page_token: None };
    loop {
        let size = (limit - all.deploys.len()).min(LARGEST_PAGE).to_string();
        let mut query = vec![("page_size", size.as_str())];
        query.extend(all.next_page_token.as_deref().map(|token| ("page_token", token)));
        let page: Deploys = api.get(&path, &query).await?;
        let is_empty = page.deploys.is_empty();
        all.deploys.extend(page.deploys);
        all.deploys.truncate(limit);
        all.next_page_token = page.next_page_token;
        if is_empty || all.next_page_token.is_none() || all.deploys.len() >= limit {
            return Ok(all);
        }
    }
}

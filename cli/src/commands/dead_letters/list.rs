//! `paas dead-letters list`: which there are.

use clap::ValueEnum;
use jiff::tz::TimeZone;

use crate::{
    api::Api, args::AppRef, commands::LARGEST_PAGE, error::Error, exit::Exit, model::DeadLetters,
    screen::Screen, show,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only those of this app, by its name or id.
    #[arg(long)]
    app: Option<AppRef>,
    /// Only those in this state.
    #[arg(long, value_enum, default_value_t = Wanted::Waiting)]
    state: Wanted,
    /// At most so many; more than one page are read if need be.
    #[arg(long, default_value_t = 50, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    /// Nobody has done anything about them yet.
    Waiting,
    /// They were taken in later.
    Retried,
    /// Nobody needs them.
    Discarded,
    /// In any state.
    All,
}

impl Wanted {
    fn name(self) -> Option<&'static str> {
        match self {
            Self::Waiting => Some("waiting"),
            Self::Retried => Some("retried"),
            Self::Discarded => Some("discarded"),
            Self::All => None,
        }
    }
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let app = match &self.app {
            Some(app) => Some(api.app(app).await?.to_string()),
            None => None,
        };
        let letters = newest(api, app.as_deref(), self.state, self.limit.into()).await?;
        screen
            .answer(&letters, || show::letters::list(&letters.dead_letters, &TimeZone::system()))?;
        if letters.next_page_token.is_some() {
            screen.note("There are older ones: --limit shows more.");
        }
        Ok(Exit::Done)
    }
}

async fn newest(
    api: &Api,
    app: Option<&str>,
    state: Wanted,
    limit: usize,
) -> Result<DeadLetters, Error> {
    let mut all = DeadLetters { dead_letters: Vec::new(), next_page_token: None };
    loop {
        let size = (limit - all.dead_letters.len()).min(LARGEST_PAGE).to_string();
        let mut query = vec![("page_size", size.as_str())];
        query.extend(app.map(|app| ("app_id", app)));
        query.extend(state.name().map(|state| ("state", state)));
        query.extend(all.next_page_token.as_deref().map(|token| ("page_token", token)));
        let page: DeadLetters = api.get("/v1/dead-letters", &query).await?;
        let is_empty = page.dead_letters.is_empty();
        all.dead_letters.extend(page.dead_letters);
        all.dead_letters.truncate(limit);
        all.next_page_token = page.next_page_token;
        if is_empty || all.next_page_token.is_none() || all.dead_letters.len() >= limit {
            return Ok(all);
        }
    }
}

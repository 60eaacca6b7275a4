//! `paas dead-letters list`: which there are.

use clap::ValueEnum;
use jiff::tz::TimeZone;

use crate::{
    api::Api, args::AppRef, commands::note_more, error::Error, exit::Exit, model::DeadLetters,
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
        let mut query = Vec::new();
        query.extend(app.as_deref().map(|app| ("app_id", app)));
        query.extend(self.state.name().map(|state| ("state", state)));
        let letters: DeadLetters = api.list("/v1/dead-letters", &query, self.limit.into()).await?;
        screen
            .answer(&letters, || show::letters::list(&letters.dead_letters, &TimeZone::system()))?;
        note_more(&letters, screen);
        Ok(Exit::Done)
    }
}

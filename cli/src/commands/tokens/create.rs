//! `paas tokens create`: a new token, shown this once.

use crate::{
    api::Api,
    error::Error,
    exit::Exit,
    model::{NewToken, Scope, Secret, Token},
    screen::Screen,
    show,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What it is for, so that it is known in the list.
    name: String,
    /// What it may do.
    #[arg(long, value_enum, default_value_t = Scope::Deploy)]
    scope: Scope,
    /// After how many days it is worth nothing any more; without it, never.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..))]
    expires_in_days: Option<u32>,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let Self { name, scope, expires_in_days } = &self;
        let new = NewToken { name, scope: *scope, expires_in_days: *expires_in_days };
        let made: Token = api.post_with("/v1/tokens", &new).await?;
        screen.note(&show::access::made(&made));
        // Alone on standard output, so that it can be piped to where it is to go.
        screen.answer(&made, || {
            made.secret.as_ref().map(Secret::shown).unwrap_or_default().to_owned() + "\n"
        })?;
        Ok(Exit::Done)
    }
}

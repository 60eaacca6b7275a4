//! `paas tokens list`: which there are.

use jiff::tz::TimeZone;

use crate::{api::Api, error::Error, exit::Exit, model::Tokens, screen::Screen, show};

pub(super) async fn run(api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let tokens: Tokens = api.list("/v1/tokens", &[], usize::MAX).await?;
    screen.answer(&tokens, || show::access::tokens(&tokens.tokens, &TimeZone::system()))?;
    Ok(Exit::Done)
}

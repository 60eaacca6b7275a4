//! `paas dead-letters show`: one with its content.

use jiff::tz::TimeZone;

use crate::{api::Api, error::Error, exit::Exit, model::OpenedLetter, screen::Screen, show};

pub(super) async fn run(letter: u64, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let opened: OpenedLetter = api.get(&format!("/v1/dead-letters/{letter}"), &[]).await?;
    screen.answer(&opened, || show::letters::one(&opened, &TimeZone::system()))?;
    Ok(Exit::Done)
}

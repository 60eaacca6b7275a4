//! `paas dead-letters retry`: takes one in again.

use crate::{api::Api, error::Error, exit::Exit, model::Retried, screen::Screen, show};

pub(super) async fn run(letter: u64, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let retried: Retried = api.post(&format!("/v1/dead-letters/{letter}/retry")).await?;
    screen.answer(&retried, || show::letters::retried(letter, &retried))?;
    Ok(Exit::Done)
}

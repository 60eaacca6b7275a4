//! `paas dead-letters discard`: notes that nobody needs one any more.

use crate::{api::Api, error::Error, exit::Exit, model::Discarded, screen::Screen};

pub(super) async fn run(letter: u64, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let discarded: Discarded = api.post(&format!("/v1/dead-letters/{letter}/discard")).await?;
    screen.answer(&discarded, || format!("Dead letter {letter} is discarded.\n"))?;
    Ok(Exit::Done)
}

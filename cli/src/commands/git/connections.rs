//! `paas git connections`: how the tenant stands with each provider.

use jiff::tz::TimeZone;

use crate::{api::Api, error::Error, exit::Exit, model::Connections, screen::Screen, show};

pub(super) async fn run(api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let all: Connections = api.get("/v1/auth", &[]).await?;
    screen.answer(&all, || show::connections::list(&all.providers, &TimeZone::system()))?;
    Ok(Exit::Done)
}

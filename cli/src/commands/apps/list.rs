//! `paas apps list`: which there are.

use jiff::tz::TimeZone;

use crate::{api::Api, error::Error, exit::Exit, model::Apps, screen::Screen, show};

pub(super) async fn run(api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let apps = Apps { apps: api.apps().await?, next_page_token: None };
    screen.answer(&apps, || show::apps::list(&apps.apps, &TimeZone::system()))?;
    Ok(Exit::Done)
}

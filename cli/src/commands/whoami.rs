//! `paas whoami`: for whom the platform takes the caller.

use jiff::tz::TimeZone;

use crate::{api::Api, error::Error, exit::Exit, model::WhoAmI, screen::Screen, show};

pub(super) const PATH: &str = "/v1/whoami";

pub(crate) async fn run(api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let me: WhoAmI = api.get(PATH, &[]).await?;
    screen.answer(&me, || show::access::who(&me, &TimeZone::system()))?;
    Ok(Exit::Done)
}

//! `paas deploy show`: a deploy and what happened to it.

use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::{api::Api, error::Error, exit::Exit, screen::Screen, show};

pub(super) async fn run(deploy: Uuid, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let deploy = api.deploy(deploy).await?;
    screen.answer(&deploy, || show::deploys::one(&deploy, &TimeZone::system()))?;
    Ok(Exit::Done)
}

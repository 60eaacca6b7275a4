//! `paas deploy show`: a deploy and what happened to it.

use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::{api::Api, error::Error, exit::Exit, model::Deploy, screen::Screen, show};

pub(super) async fn run(deploy: Uuid, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let deploy: Deploy = api.get(&format!("/v1/deploys/{deploy}"), &[]).await?;
    screen.answer(&deploy, || show::deploys::one(&deploy, &TimeZone::system()))?;
    Ok(Exit::Done)
}

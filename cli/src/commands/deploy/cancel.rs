//! `paas deploy cancel`: ends a deploy that is underway.

use uuid::Uuid;

use crate::{api::Api, error::Error, exit::Exit, model::Commanded, screen::Screen};

pub(super) async fn run(deploy: Uuid, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let cancelled: Commanded = api.post(&format!("/v1/deploys/{deploy}/cancel")).await?;
    screen.answer(&cancelled, || format!("Deploy {deploy} is being cancelled.\n"))?;
    Ok(Exit::Done)
}

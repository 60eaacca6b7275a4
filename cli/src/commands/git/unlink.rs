//! `paas git unlink`: an app follows no repository any more.

use crate::{
    api::Api, args::AppRef, error::Error, exit::Exit, model::Unlinked, screen::Screen, show,
};

pub(super) async fn run(app: &AppRef, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let path = format!("/v1/apps/{}/git/source", api.app(app).await?);
    let unlinked: Unlinked = api.delete(&path).await?;
    screen.answer(&unlinked, || show::links::unlinked(&unlinked))?;
    Ok(Exit::Done)
}

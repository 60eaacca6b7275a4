//! `paas git health`: why a push does nothing, and what to do about it.

use crate::{
    api::Api, args::AppRef, error::Error, exit::Exit, model::Health, screen::Screen, show,
};

pub(super) async fn run(app: &AppRef, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let path = format!("/v1/apps/{}/git/health", api.app(app).await?);
    let health: Health = api.get(&path, &[]).await?;
    screen.answer(&health, || show::health::all(&health))?;
    Ok(if health.healthy { Exit::Done } else { Exit::NotWell })
}

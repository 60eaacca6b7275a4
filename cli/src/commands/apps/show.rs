//! `paas apps show`: an app and the repository that it follows.

use jiff::tz::TimeZone;

use crate::{
    api::Api,
    args::AppRef,
    error::Error,
    exit::Exit,
    model::{App, AppDetails},
    screen::Screen,
    show,
};

pub(super) async fn run(app: &AppRef, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let id = api.app(app).await?;
    let app: App = api.get(&format!("/v1/apps/{id}"), &[]).await?;
    let details = AppDetails { app, git_source: api.source(id).await? };
    screen.answer(&details, || show::apps::one(&details, &TimeZone::system()))?;
    Ok(Exit::Done)
}

//! `paas git disconnect`: the provider allows the platform nothing any more.

use crate::{
    api::Api,
    error::Error,
    exit::Exit,
    model::{Done, Provider},
    screen::Screen,
};

pub(super) async fn run(provider: Provider, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let name = provider.name();
    let () = api.delete(&format!("/v1/auth/{name}")).await?;
    screen.answer(&Done { status: "disconnected".to_owned() }, || {
        format!(
            "{name} is disconnected. Webhooks that are there go on; the platform does not look after them.\n"
        )
    })?;
    Ok(Exit::Done)
}

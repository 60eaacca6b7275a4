//! `paas tokens revoke`: a token is worth nothing any more.

use uuid::Uuid;

use crate::{api::Api, error::Error, exit::Exit, model::Done, screen::Screen};

pub(super) async fn run(token: Uuid, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let () = api.delete(&format!("/v1/tokens/{token}")).await?;
    screen.answer(&Done { status: "revoked".to_owned() }, || {
        format!("Token {token} is revoked.\n")
    })?;
    Ok(Exit::Done)
}

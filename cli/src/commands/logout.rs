//! `paas logout`: forgets the token that was stored. The platform still takes it until it is revoked.

use crate::{
    error::Error,
    exit::Exit,
    model::Done,
    screen::Screen,
    settings::{Environment, Stored},
};

pub(crate) fn run(environment: &Environment, screen: &Screen) -> Result<Exit, Error> {
    let was_there = Stored(environment).forget_token()?;
    let (status, text) = if was_there {
        ("logged out", "The stored token is forgotten.\n")
    } else {
        ("not logged in", "No token was stored.\n")
    };
    screen.answer(&Done { status: status.to_owned() }, || text.to_owned())?;
    if was_there {
        screen.note("It is still valid until it expires: `paas tokens revoke` ends it.");
    }
    Ok(Exit::Done)
}

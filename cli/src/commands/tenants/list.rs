//! `paas tenants list`: which there are.

use jiff::tz::TimeZone;

use crate::{api::Api, error::Error, exit::Exit, model::Tenants, screen::Screen, show};

pub(super) async fn run(api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let tenants: Tenants = api.list("/v1/tenants", &[], usize::MAX).await?;
    screen.answer(&tenants, || show::access::tenants(&tenants.tenants, &TimeZone::system()))?;
    Ok(Exit::Done)
}

//! `paas tenants create`: a new tenant.

use crate::{
    api::Api,
    error::Error,
    exit::Exit,
    model::{NewTenant, Tenant},
    screen::Screen,
    show::plain,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tenant's name.
    name: String,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let tenant: Tenant = api.post_with("/v1/tenants", &NewTenant { name: &self.name }).await?;
        screen.answer(&tenant, || {
            let name = plain(&tenant.name);
            format!(
                "Tenant {name} is made; give it a token: paas --tenant {name} tokens create first --scope admin\n"
            )
        })?;
        Ok(Exit::Done)
    }
}

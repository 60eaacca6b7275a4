//! `paas audit`: who changed what.

use jiff::tz::TimeZone;

use super::{Limit, note_more};
use crate::{api::Api, error::Error, exit::Exit, model::AuditEntries, screen::Screen, show};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    limit: Limit,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let entries: AuditEntries = api.list("/v1/audit", &[], self.limit.limit.into()).await?;
        screen.answer(&entries, || show::access::audit(&entries.entries, &TimeZone::system()))?;
        note_more(&entries, screen);
        Ok(Exit::Done)
    }
}

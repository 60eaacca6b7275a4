//! One file a command: what it takes, what it asks the platform, what it tells.

pub(crate) mod apps;
pub(crate) mod audit;
pub(crate) mod completions;
pub(crate) mod dead_letters;
pub(crate) mod deploy;
pub(crate) mod deploys;
pub(crate) mod git;
pub(crate) mod login;
pub(crate) mod logout;
pub(crate) mod logs;
mod moment;
pub(crate) mod releases;
pub(crate) mod replay;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod whoami;

use crate::{model::List, screen::Screen};

/// How much of a list is wanted.
#[derive(Debug, clap::Args)]
pub(crate) struct Limit {
    /// At most so many; more than one page are read if need be.
    #[arg(long, default_value_t = 20, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..))]
    limit: u16,
}

/// Says that a list goes on.
fn note_more(list: &impl List, screen: &Screen) {
    if list.next_page_token().is_some() {
        screen.note("There are older ones: --limit shows more.");
    }
}

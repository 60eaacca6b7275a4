//! `paas login`: an address and a token, kept for the commands to come once they are seen to work.

use crate::{
    api::Api,
    args::Global,
    commands::whoami,
    error::Error,
    exit::Exit,
    model::WhoAmI,
    screen::Screen,
    settings::{self, DEFAULT_URL, Environment, Settings, Stored},
    show,
};

/// What it takes: the token comes from `--token-file`, a prompt that does not show it, or standard input. It is no
/// argument, since everybody on the machine sees these.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The token is asked for without showing it, or read from standard input or --token-file."
)]
pub(crate) struct Args {}

impl Args {
    pub(crate) async fn run(
        self,
        global: &Global,
        environment: &Environment,
        screen: &Screen,
    ) -> Result<Exit, Error> {
        let url = address(global, environment, screen)?;
        let token = match &global.token_file {
            Some(path) => settings::secret_in(path)?,
            None => Screen::secret("Token:")?,
        };
        let settings = Settings::told(global, &url, token)?;
        let api = Api::new(settings.clone())?;
        let me: WhoAmI = api.get(whoami::PATH, &[]).await?;
        let place = Stored(environment).keep(&settings)?;
        screen.answer(&me, || show::access::welcome(&me, settings.url.as_str(), &place))?;
        if environment.has_token() {
            screen
                .note("PAAS_TOKEN is set, and goes before what was stored: unset it to use this.");
        }
        Ok(Exit::Done)
    }
}

fn address(global: &Global, environment: &Environment, screen: &Screen) -> Result<String, Error> {
    if let Some(url) = settings::known_url(global, environment)? {
        return Ok(url);
    }
    let answer = screen.line(&format!("Address of the platform [{DEFAULT_URL}]:"))?;
    Ok(answer.unwrap_or_else(|| DEFAULT_URL.to_owned()))
}

//! `paas logs`: what happens to an app's deploys, and what its builds and the app itself write.

mod until_live;
mod which_app;

use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::{
    api::{Api, Heard, LogQuery},
    args::AppRef,
    error::Error,
    exit::Exit,
    model::{LogLine, LogSource},
    screen::{Progress, Screen},
    show,
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The app, by its name or id; without it, the one that follows the repository of the folder you are in, or the
    /// only one.
    app: Option<AppRef>,
    /// Go on with the lines to come, until Ctrl-C.
    #[arg(long, short, visible_alias = "tail")]
    follow: bool,
    /// Begin with so many of the lines that are there.
    #[arg(long, short = 'n', default_value_t = 100, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    lines: u32,
    /// Only lines of this source; may be given several times.
    #[arg(long, value_enum)]
    source: Vec<LogSource>,
    /// Only lines of this deploy.
    #[arg(long, value_name = "ID")]
    deploy: Option<Uuid>,
    /// Follow the lines until the newest deploy has ended (or the one that is named, or the first): exit code 0 when
    /// it is live, 1 when it ended otherwise.
    #[arg(long)]
    until_live: bool,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let app = match &self.app {
            Some(app) => api.app(app).await?,
            None => which_app::find(api, screen).await?,
        };
        let (tail, sources, deploy) = (self.lines, self.source, self.deploy);
        let query = LogQuery { app, tail, sources, deploy, follow: self.follow };
        if self.until_live {
            return until_live::follow(query, api, screen).await;
        }
        tell(&query, api, screen, |_| {}).await?;
        Ok(Exit::Done)
    }
}

/// Tells the lines as they come; `note` learns of each that was told.
async fn tell(
    query: &LogQuery,
    api: &Api,
    screen: &Screen,
    mut note: impl FnMut(&LogLine),
) -> Result<(), Error> {
    let zone = TimeZone::system();
    // Lines are seen to come; only their absence needs a word.
    let mut lost: Option<Progress> = None;
    api.logs(query, |heard| match heard {
        Heard::Line(line) => {
            lost = None;
            screen.answer(&line, || show::logs::line(&line, &zone))?;
            note(&line);
            Ok(())
        }
        Heard::Lost => {
            let progress = lost.get_or_insert_with(|| screen.progress(None));
            progress.say("connection lost, trying again".to_owned());
            Ok(())
        }
    })
    .await
}

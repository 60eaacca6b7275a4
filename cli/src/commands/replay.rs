//! `paas replay`: pushes once more through the intake. A dry run comes first; what it shows has to be confirmed.

use futures_util::StreamExt as _;
use jiff::{Timestamp, tz::TimeZone};

use super::moment::Moment;
use crate::{
    api::Api,
    args::AppRef,
    error::Error,
    exit::Exit,
    model::{ReplayLine, ReplayOrder, Summary},
    screen::Screen,
    show::{plain, replays as show},
};

/// What it takes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this app's pushes, by its name or id.
    #[arg(long)]
    app: Option<AppRef>,
    /// Only pushes of that time or later: how long ago (90s, 30m, 2h, 1d) or an RFC 3339 time.
    #[arg(long, value_name = "WHEN")]
    since: Option<Moment>,
    /// Only pushes of before that time.
    #[arg(long, value_name = "WHEN")]
    until: Option<Moment>,
    /// Only pushes from this place in the stream on.
    #[arg(long, value_name = "NUMBER")]
    from_seq: Option<u64>,
    /// Only pushes to this place in the stream.
    #[arg(long, value_name = "NUMBER")]
    to_seq: Option<u64>,
    /// Only look: nothing is taken in.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Take them in without asking.
    #[arg(long, short)]
    yes: bool,
}

/// What of a replay is told, beside its summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tell {
    Everything,
    /// It is only to find out how much there is to do.
    Nothing,
}

impl Args {
    pub(crate) async fn run(self, api: &Api, screen: &Screen) -> Result<Exit, Error> {
        let order = self.order(api).await?;
        let names = if screen.is_json() { show::Names::new() } else { names(api).await };
        let replay = Replay { api, screen, names };
        let tell = if self.yes { Tell::Nothing } else { Tell::Everything };
        let dry = replay.run(&ReplayOrder { dry_run: true, ..order.clone() }, tell, None).await?;
        if self.dry_run || !self.yes && dry.would_take_in == 0 {
            return Ok(Exit::Done);
        }
        if !self.yes && !confirmed(screen, dry.would_take_in)? {
            screen.note("Nothing was taken in.");
            return Ok(Exit::Done);
        }
        replay.run(&order, Tell::Everything, Some(dry.examined)).await?;
        Ok(Exit::Done)
    }

    async fn order(&self, api: &Api) -> Result<ReplayOrder, Error> {
        let now = Timestamp::now();
        let moment = |moment: Option<Moment>| moment.map(|moment| moment.before(now));
        let (since, until) = (moment(self.since), moment(self.until));
        if since.zip(until).is_some_and(|(since, until)| since >= until) {
            return Err(Error::Usage("--since must lie before --until".to_owned()));
        }
        if self.from_seq.zip(self.to_seq).is_some_and(|(from, to)| from > to) {
            return Err(Error::Usage("--from-seq must not lie behind --to-seq".to_owned()));
        }
        let app_id = match &self.app {
            Some(app) => Some(api.app(app).await?),
            None => None,
        };
        let (from_sequence, to_sequence) = (self.from_seq, self.to_seq);
        Ok(ReplayOrder { app_id, since, until, from_sequence, to_sequence, dry_run: false })
    }
}

fn confirmed(screen: &Screen, pushes: u64) -> Result<bool, Error> {
    let pushes = if pushes == 1 { "1 push".to_owned() } else { format!("{pushes} pushes") };
    screen.ask(&format!("Take in {pushes}?"))?.ok_or(Error::NotConfirmed)
}

/// The apps by their ids; none when they cannot be had, for they only make it easier to read.
async fn names(api: &Api) -> show::Names {
    let apps = api.apps().await.unwrap_or_default();
    apps.into_iter().map(|app| (app.id.to_string(), plain(&app.name))).collect()
}

struct Replay<'a> {
    api: &'a Api,
    screen: &'a Screen,
    names: show::Names,
}

impl Replay<'_> {
    async fn run(
        &self,
        order: &ReplayOrder,
        tell: Tell,
        length: Option<u64>,
    ) -> Result<Summary, Error> {
        let progress = self.screen.progress(length);
        progress.say(if order.dry_run { "looking" } else { "taking in" }.to_owned());
        let mut lines = std::pin::pin!(self.api.replay(order).await?);
        while let Some(line) = lines.next().await {
            let line = line?;
            if tell == Tell::Everything {
                progress.aside(|| self.tell(&line))?;
            }
            match line {
                ReplayLine::Push(_) => progress.step(),
                ReplayLine::Summary { summary } => return Ok(summary),
                ReplayLine::Broken { error } => return Err(broken(&plain(&error))),
            }
        }
        Err(broken("the connection ended"))
    }

    fn tell(&self, line: &ReplayLine) -> Result<(), Error> {
        let text = match line {
            // It is told as what went wrong.
            ReplayLine::Broken { .. } => return Ok(()),
            ReplayLine::Summary { summary } => Some(show::summary(summary)),
            ReplayLine::Push(push) => show::push(push, &self.names, &TimeZone::system()),
        };
        self.screen.object(line)?;
        text.map_or(Ok(()), |text| self.screen.text(&(text + "\n")))
    }
}

/// It can be run again: what is on record stays as it is.
fn broken(why: &str) -> Error {
    Error::Unavailable(format!(
        "the replay broke off ({why}); run it again, what was taken in stays"
    ))
}

//! `paas deploy watch`: a deploy's story as it goes on, to its end.

use jiff::tz::TimeZone;
use uuid::Uuid;

use crate::{
    api::{Api, News},
    error::Error,
    exit::Exit,
    model::Deploy,
    screen::{Progress, Screen},
    show::{deploys as show, words},
};

pub(crate) async fn run(deploy: Uuid, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let mut story = Story { screen, progress: screen.progress(None), told: None };
    let ended = api.watch(deploy, |news| story.tell(news)).await?;
    drop(story);
    screen.text(&show::ending(&ended))?;
    if ended.state.is_live() {
        return Ok(Exit::Done);
    }
    if let Some(advice) = show::advice(&ended) {
        screen.note(&advice);
    }
    Ok(Exit::NotWell)
}

/// What has been told so far.
struct Story<'a> {
    screen: &'a Screen,
    progress: Progress,
    /// So many events, once the deploy itself was told of.
    told: Option<usize>,
}

impl Story<'_> {
    fn tell(&mut self, news: News) -> Result<(), Error> {
        match news {
            News::Changed(deploy) => {
                self.progress.say(words(&deploy.state.0));
                let told = self.told.replace(deploy.events.len());
                self.progress.aside(|| changed(self.screen, &deploy, told))
            }
            News::Lost => {
                self.progress.say("connection lost, trying again".to_owned());
                Ok(())
            }
        }
    }
}

fn changed(screen: &Screen, deploy: &Deploy, told: Option<usize>) -> Result<(), Error> {
    screen.object(deploy)?;
    if told.is_none() {
        screen.text(&show::title(deploy))?;
    }
    let new = deploy.events.get(told.unwrap_or_default()..).unwrap_or_default();
    screen.text(&show::timeline(new, &TimeZone::system()))
}

//! `paas logs --until-live`: the lines until a deploy has ended, and an exit code that says how.

use std::{cell::Cell, time::Duration};

use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use crate::{
    api::{Api, LogQuery},
    error::Error,
    exit::Exit,
    model::{Deploy, Deploys, LogLine},
    screen::Screen,
    show::deploys as show,
};

const ASK_EVERY: Duration = Duration::from_millis(500);
/// With nothing told for so long, all is told that there was when the deploy ended.
const QUIET: Duration = Duration::from_secs(1);
/// An app that never falls silent is not waited for longer than that.
const QUIET_WITHIN: Duration = Duration::from_secs(5);

/// Follows the deploy that is named, else the newest and whichever takes its place.
pub(super) async fn follow(query: LogQuery, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let ended = match query.deploy {
        Some(deploy) => {
            let query = LogQuery { follow: true, ..query };
            super::tell(&query, api, screen, |_| {}).await?;
            api.deploy(deploy).await?
        }
        None => newest_to_its_end(query, api, screen).await?,
    };
    screen.text(&show::ending(&ended))?;
    if ended.state.is_live() {
        return Ok(Exit::Done);
    }
    if let Some(advice) = show::advice(&ended) {
        screen.note(&advice);
    }
    Ok(Exit::NotWell)
}

async fn newest_to_its_end(query: LogQuery, api: &Api, screen: &Screen) -> Result<Deploy, Error> {
    let deploy = first(query.app, api, screen).await?;
    let is_over = deploy.state.has_ended();
    let query = LogQuery { follow: !is_over, ..query };
    let told = Told { at: Cell::new(Instant::now()), last: Cell::new(None) };
    let mut lines = std::pin::pin!(super::tell(&query, api, screen, |line| told.note(line)));
    if is_over {
        lines.await?;
        return Ok(deploy);
    }
    let ended = tokio::select! {
        ended = end_of_line(deploy.id, api) => ended?,
        // Lines that are followed end only because they cannot be had any more.
        over = &mut lines => return over.and(Err(Error::Unavailable("it stopped telling of the log".to_owned()))),
    };
    tokio::select! {
        () = told.all_of(&ended) => {}
        over = &mut lines => over?,
    }
    Ok(ended)
}

/// The newest deploy, as soon as there is one.
async fn first(app: Uuid, api: &Api, screen: &Screen) -> Result<Deploy, Error> {
    let progress = screen.progress(None);
    progress.say("waiting for the first push".to_owned());
    loop {
        if let Some(deploy) = newest(app, api).await? {
            return Ok(deploy);
        }
        sleep(ASK_EVERY).await;
    }
}

/// The end of a deploy, or of the one that took its place.
async fn end_of_line(mut deploy: Uuid, api: &Api) -> Result<Deploy, Error> {
    loop {
        let ended = api.watch(deploy, |_| Ok(())).await?;
        if !ended.state.is_replaced() {
            return Ok(ended);
        }
        match newest(ended.app_id, api).await? {
            Some(next) if next.id != ended.id => deploy = next.id,
            _ => return Ok(ended),
        }
    }
}

async fn newest(app: Uuid, api: &Api) -> Result<Option<Deploy>, Error> {
    let mut newest: Deploys = api.list(&format!("/v1/apps/{app}/deploys"), &[], 1).await?;
    Ok(newest.deploys.pop())
}

/// What has been told, and when.
struct Told {
    at: Cell<Instant>,
    /// The newest event of a deploy: which, and of which deploy.
    last: Cell<Option<(String, String)>>,
}

impl Told {
    fn note(&self, line: &LogLine) {
        self.at.set(Instant::now());
        if line.source == "deploy"
            && let Some(deploy) = &line.deploy_id
        {
            self.last.set(Some((deploy.clone(), line.origin.clone())));
        }
    }

    /// Waits until the deploy's end is told, and what a build may have said late; not for ever.
    async fn all_of(&self, ended: &Deploy) {
        let event = ended.events.last().map(|event| event.name.clone()).unwrap_or_default();
        let end = (ended.id.to_string(), event);
        let all = async {
            loop {
                let last = self.last.take();
                let is_told = last.as_ref() == Some(&end);
                self.last.set(last);
                if is_told && self.at.get().elapsed() >= QUIET {
                    return;
                }
                sleep(QUIET / 10).await;
            }
        };
        // What was not to be told, for instance by `--source`, is not told.
        let _ = timeout(QUIET_WITHIN, all).await;
    }
}

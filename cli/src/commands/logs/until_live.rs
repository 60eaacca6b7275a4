//! `paas logs --until-live`: the lines of the newest deploy to its end.

use std::time::Duration;

use tokio::time::sleep;
use uuid::Uuid;

use crate::{
    api::{Api, LogQuery},
    error::Error,
    exit::Exit,
    model::{Deploy, Deploys},
    screen::Screen,
    show::deploys as show,
};

const ASK_EVERY: Duration = Duration::from_millis(500);

/// Follows the deploy that is named, else the newest, and whichever takes its place.
pub(super) async fn follow(query: LogQuery, api: &Api, screen: &Screen) -> Result<Exit, Error> {
    let mut deploy = match query.deploy {
        Some(deploy) => deploy,
        None => first(query.app, api, screen).await?,
    };
    loop {
        let query = LogQuery { deploy: Some(deploy), follow: true, ..query.clone() };
        super::tell(&query, api, screen).await?;
        let ended = api.deploy(deploy).await?;
        match follower(&ended, api).await? {
            Some(next) => deploy = next,
            None => return told(&ended, screen),
        }
    }
}

fn told(ended: &Deploy, screen: &Screen) -> Result<Exit, Error> {
    screen.text(&show::ending(ended))?;
    if ended.state.is_live() {
        return Ok(Exit::Done);
    }
    if let Some(advice) = show::advice(ended) {
        screen.note(&advice);
    }
    Ok(Exit::NotWell)
}

/// The newest deploy, as soon as there is one.
async fn first(app: Uuid, api: &Api, screen: &Screen) -> Result<Uuid, Error> {
    let progress = screen.progress(None);
    progress.say("waiting for the first push".to_owned());
    loop {
        if let Some(deploy) = newest(app, api).await? {
            return Ok(deploy);
        }
        sleep(ASK_EVERY).await;
    }
}

/// The one that took a deploy's place.
async fn follower(ended: &Deploy, api: &Api) -> Result<Option<Uuid>, Error> {
    if !["superseded", "duplicate"].contains(&ended.state.0.as_str()) {
        return Ok(None);
    }
    Ok(newest(ended.app_id, api).await?.filter(|newest| *newest != ended.id))
}

async fn newest(app: Uuid, api: &Api) -> Result<Option<Uuid>, Error> {
    let newest: Deploys = api.list(&format!("/v1/apps/{app}/deploys"), &[], 1).await?;
    Ok(newest.deploys.first().map(|deploy| deploy.id))
}

//! A deploy as it changes: server-sent events, taken up again when they break off.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use eventsource_stream::Eventsource as _;
use futures_util::StreamExt as _;
use reqwest::{Method, header::ACCEPT};
use tokio::time::sleep;
use uuid::Uuid;

use super::{Api, answer::cause, parse, pauses};
use crate::{
    error::Error,
    model::{Deploy, Problem},
    show::plain,
};

/// What becomes of a deploy while it is watched.
#[derive(Debug)]
pub(crate) enum News {
    /// It is so now.
    Changed(Box<Deploy>),
    /// Nothing is heard of it at present; we try again.
    Lost,
}

impl Api {
    /// Tells of a deploy now and after each change, until it has ended or nothing is heard of it for a minute.
    pub(crate) async fn watch(
        &self,
        deploy: Uuid,
        mut tell: impl FnMut(News) -> Result<(), Error>,
    ) -> Result<Deploy, Error> {
        let mut last: Option<Deploy> = None;
        // Who was never heard of may not be there at all, so that is found out soon.
        let mut waits = pauses().build();
        loop {
            let before = last.clone();
            let error = match self.listen(deploy, &mut last, &mut tell).await {
                Ok(deploy) => return Ok(deploy),
                Err(error) if error.is_passing() => error,
                // A push that was just accepted may not be on record yet.
                Err(error @ Error::NotFound(_)) if last.is_none() => error,
                Err(error) => return Err(error),
            };
            if last != before {
                waits = patience().build();
            }
            let Some(wait) = waits.next() else { return Err(error) };
            tell(News::Lost)?;
            sleep(wait).await;
        }
    }

    /// Listens until the deploy has ended, or until the stream has.
    async fn listen(
        &self,
        deploy: Uuid,
        last: &mut Option<Deploy>,
        tell: &mut impl FnMut(News) -> Result<(), Error>,
    ) -> Result<Deploy, Error> {
        let path = format!("/v1/deploys/{deploy}/watch");
        let request = self.request(Method::GET, &path).header(ACCEPT, "text/event-stream");
        let mut events = self.send(request).await?.bytes_stream().eventsource();
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| self.broken(error))?;
            match event.event.as_str() {
                "deploy" => {
                    let now: Deploy = parse(event.data.as_bytes())?;
                    // After a new connection the first word may be an old one.
                    if last.as_ref() != Some(&now) {
                        tell(News::Changed(Box::new(now.clone())))?;
                        *last = Some(now.clone());
                    }
                    if now.state.has_ended() {
                        return Ok(now);
                    }
                }
                "error" => {
                    let problem: Problem = parse(event.data.as_bytes())?;
                    return Err(Error::Unavailable(plain(&problem.error)));
                }
                _ => {}
            }
        }
        Err(Error::Unavailable("it stopped telling of the deploy".to_owned()))
    }

    pub(super) fn broken(
        &self,
        error: eventsource_stream::EventStreamError<reqwest::Error>,
    ) -> Error {
        match error {
            eventsource_stream::EventStreamError::Transport(error) => {
                Error::Unreachable { url: self.url.to_string(), cause: cause(error) }
            }
            eventsource_stream::EventStreamError::Utf8(_)
            | eventsource_stream::EventStreamError::Parser(_) => {
                Error::Unexpected("its events cannot be read".to_owned())
            }
        }
    }
}

/// Between attempts to hear of a deploy that was heard of: about a minute in all.
fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(16)
        .with_jitter()
}

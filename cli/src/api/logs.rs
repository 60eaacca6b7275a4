//! The lines of an app's log: server-sent events, taken up again after the last line when they break off.

use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBuilder};
use eventsource_stream::Eventsource as _;
use futures_util::StreamExt as _;
use reqwest::{Method, header::ACCEPT};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::{Api, parse, pauses};
use crate::{
    error::Error,
    model::{LogLine, LogSource, Problem},
    show::plain,
};

/// A connection that lasted so long was a good one, even if nothing was said.
const LASTED: Duration = Duration::from_secs(5);

/// Which lines.
#[derive(Debug, Clone)]
pub(crate) struct LogQuery {
    pub(crate) app: Uuid,
    /// So many of those that are there, the newest.
    pub(crate) tail: u32,
    /// Only of these; of all when none is named.
    pub(crate) sources: Vec<LogSource>,
    /// Only of this deploy.
    pub(crate) deploy: Option<Uuid>,
    /// Those to come, too.
    pub(crate) follow: bool,
}

/// What is heard of a log.
#[derive(Debug)]
pub(crate) enum Heard {
    Line(LogLine),
    /// Nothing is heard at present; we try again.
    Lost,
}

impl Api {
    /// Tells each line once, in order. Ends with the lines that are there, or, when they are followed, with the deploy
    /// that is asked for; lines of an app have no end.
    pub(crate) async fn logs(
        &self,
        query: &LogQuery,
        mut tell: impl FnMut(Heard) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut cursor = None;
        let mut waits = pauses().build();
        loop {
            let (before, began) = (cursor.clone(), Instant::now());
            let ended = match self.hear(query, &mut cursor, &mut tell).await {
                Ok(()) if self.is_told(query).await? => return Ok(()),
                // The platform ends the stream when it restarts.
                Ok(()) => Error::Unavailable("it stopped telling of the log".to_owned()),
                Err(error) if error.is_passing() => error,
                Err(error) => return Err(error),
            };
            if cursor != before || began.elapsed() > LASTED {
                waits = patience().build();
            }
            let Some(wait) = waits.next() else { return Err(ended) };
            tell(Heard::Lost)?;
            sleep(wait).await;
        }
    }

    /// Whether everything is told once a stream has ended by itself.
    async fn is_told(&self, query: &LogQuery) -> Result<bool, Error> {
        match (query.follow, query.deploy) {
            (false, _) => Ok(true),
            (true, None) => Ok(false),
            (true, Some(deploy)) => Ok(self.deploy(deploy).await?.state.has_ended()),
        }
    }

    /// Listens until the stream ends; `cursor` is behind the last line that was told.
    async fn hear(
        &self,
        query: &LogQuery,
        cursor: &mut Option<String>,
        tell: &mut impl FnMut(Heard) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let path = format!("/v1/apps/{}/logs", query.app);
        let mut request = self.request(Method::GET, &path).header(ACCEPT, "text/event-stream");
        request = request.query(&query.parameters(cursor.is_none()));
        if let Some(cursor) = cursor.as_deref() {
            request = request.header("last-event-id", cursor);
        }
        let mut events = self.send(request).await?.bytes_stream().eventsource();
        while let Some(event) = events.next().await {
            let event = event.map_err(|error| self.broken(error))?;
            match event.event.as_str() {
                "log" => {
                    tell(Heard::Line(parse(event.data.as_bytes())?))?;
                    if !event.id.is_empty() {
                        *cursor = Some(event.id);
                    }
                }
                "error" => {
                    let problem: Problem = parse(event.data.as_bytes())?;
                    return Err(Error::Unavailable(plain(&problem.error)));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl LogQuery {
    /// How many there are to be matters at the beginning only.
    fn parameters(&self, is_first: bool) -> Vec<(&'static str, String)> {
        let mut parameters = Vec::new();
        parameters.extend(self.follow.then(|| ("follow", "true".to_owned())));
        parameters.extend(is_first.then(|| ("tail", self.tail.to_string())));
        parameters.extend(self.sources.iter().map(|source| ("source", source.name().to_owned())));
        parameters.extend(self.deploy.map(|deploy| ("deploy_id", deploy.to_string())));
        parameters
    }
}

/// Between attempts to take up a log that was heard: about two minutes in all.
fn patience() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(28)
        .with_jitter()
}
